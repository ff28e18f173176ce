// Operations that pick numbers out of others: slices, gathers, the best k.
import type { Operator, OperatorTable } from '../conversion.ts';
import { ELEMENT, elementType } from '../onnx-graph.ts';
import type { Conversion } from '../conversion.ts';
import type { TfNode } from '../tfjs-graph.ts';

const TO_THE_END = 2 ** 31 - 1;

interface Slice { readonly axis: number; readonly begin: number; readonly end: number; readonly stride: number; readonly squeezed: boolean }

/** TensorFlow packs five bit masks beside begin, end and stride; here they become one plain slice per axis. */
function slices(node: TfNode, conversion: Conversion): Slice[] {
  const [begins, ends, strides] = [conversion.numbers(node, 1), conversion.numbers(node, 2), conversion.numbers(node, 3)];
  if (node.integer('new_axis_mask') !== 0) throw conversion.refuse(node, 'inserts axes, which the converter does not support');
  const ellipsis = node.integer('ellipsis_mask');
  const ellipsisAt = ellipsis === 0 ? Infinity : Math.log2(ellipsis);
  const masked = (mask: string, index: number): boolean => ((node.integer(mask) >> index) & 1) === 1;
  return begins.flatMap((begin, index): Slice[] => {
    if (index === ellipsisAt) return [];
    const squeezed = masked('shrink_axis_mask', index);
    const stride = strides[index]!;
    if (stride < 0) throw conversion.refuse(node, 'walks backwards, which the converter does not support');
    // One element at -1 reaches to the end: begin + 1 would be 0.
    const end = squeezed ? begin + 1 || TO_THE_END : masked('end_mask', index) ? TO_THE_END : ends[index]!;
    return [{
      // Axes after the ellipsis are counted from the last.
      axis: index < ellipsisAt ? index : index - begins.length,
      begin: !squeezed && masked('begin_mask', index) ? 0 : begin, end, stride, squeezed,
    }];
  });
}

const stridedSlice: Operator = (node, conversion) => {
  const { onnx } = conversion;
  const parts = slices(node, conversion);
  const squeezed = parts.filter((part) => part.squeezed).map((part) => part.axis);
  const output = conversion.define(node.name);
  const sliced = squeezed.length > 0 ? onnx.freshName(node.name) : output;
  const columns = [parts.map((part) => part.begin), parts.map((part) => part.end), parts.map((part) => part.axis), parts.map((part) => part.stride)];
  onnx.node('Slice', [conversion.plain(node.inputs[0]!), ...columns.map((column) => onnx.integers(column))], [sliced]);
  if (squeezed.length > 0) onnx.node('Squeeze', [sliced, onnx.integers(squeezed)], [output]);
};

const gather: Operator = (node, conversion) => {
  const axis = node.op === 'GatherV2' ? conversion.numbers(node, 2)[0]! : 0;
  if (node.integer('batch_dims') !== 0) throw conversion.refuse(node, 'gathers per batch, which the converter does not support');
  conversion.onnx.node('Gather', [conversion.plain(node.inputs[0]!), conversion.plain(node.inputs[1]!)], [conversion.define(node.name)], { axis });
};

const gatherNd: Operator = (node, conversion) => {
  const indices = conversion.onnx.freshName(node.name);
  conversion.onnx.node('Cast', [conversion.plain(node.inputs[1]!)], [indices], { to: ELEMENT.int64 });
  conversion.onnx.node('GatherND', [conversion.plain(node.inputs[0]!), indices], [conversion.define(node.name)]);
};

const argMax: Operator = (node, conversion) => {
  const index = conversion.onnx.freshName(node.name);
  conversion.onnx.node('ArgMax', [conversion.plain(node.inputs[0]!)], [index], { axis: conversion.numbers(node, 1)[0]!, keepdims: 0 });
  conversion.onnx.node('Cast', [index], [conversion.define(node.name)], { to: elementType(node.type('output_type') || 'DT_INT64', node.name) });
};

const topK: Operator = (node, conversion) => {
  const { onnx } = conversion;
  const indices = onnx.freshName(node.name);
  onnx.node('TopK', [conversion.plain(node.inputs[0]!), onnx.integers(conversion.numbers(node, 1))], [conversion.define(node.name), indices], { axis: -1 });
  onnx.node('Cast', [indices], [conversion.define(`${node.name}:1`)], { to: ELEMENT.int32 });
};

export const SELECTIONS: OperatorTable = {
  StridedSlice: stridedSlice, GatherV2: gather, Gather: gather, GatherNd: gatherNd, ArgMax: argMax, TopKV2: topK,
};
