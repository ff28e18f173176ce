// Operations that change shape, type or order, not numbers. Outside pictures they follow TensorFlow's own order of axes.
import type { Operator, OperatorTable } from '../conversion.ts';
import { TO_NCHW } from '../conversion.ts';
import { ELEMENT, elementType } from '../onnx-graph.ts';

const reshape: Operator = (node, conversion) => {
  const { onnx } = conversion;
  const [value, target] = node.inputs as [string, string];
  let shape: string;
  if (conversion.constantOf(target)) {
    shape = onnx.integers(conversion.numbers(node, 1));
  } else {
    shape = onnx.freshName(node.name);
    onnx.node('Cast', [conversion.plain(target)], [shape], { to: ELEMENT.int64 });
  }
  onnx.node('Reshape', [conversion.plain(value), shape], [conversion.define(node.name)]);
};

const cast: Operator = (node, conversion) => {
  conversion.onnx.node('Cast', [conversion.plain(node.inputs[0]!)], [conversion.define(node.name)], { to: elementType(node.type('DstT'), node.name) });
};

const expandDims: Operator = (node, conversion) => {
  const axes = conversion.onnx.integers(conversion.numbers(node, 1));
  conversion.onnx.node('Unsqueeze', [conversion.plain(node.inputs[0]!), axes], [conversion.define(node.name)]);
};

const squeeze: Operator = (node, conversion) => {
  const axes = node.integers('squeeze_dims');
  const inputs = [conversion.plain(node.inputs[0]!)];
  if (axes.length > 0) inputs.push(conversion.onnx.integers(axes));
  conversion.onnx.node('Squeeze', inputs, [conversion.define(node.name)]);
};

const transpose: Operator = (node, conversion) => {
  conversion.onnx.node('Transpose', [conversion.plain(node.inputs[0]!)], [conversion.define(node.name)], { perm: conversion.numbers(node, 1) });
};

const unpack: Operator = (node, conversion) => {
  const input = conversion.plain(node.inputs[0]!);
  for (let index = 0; index < node.integer('num'); index++) {
    const output = conversion.define(index === 0 ? node.name : `${node.name}:${index}`);
    conversion.onnx.node('Gather', [input, conversion.onnx.integer(index)], [output], { axis: node.integer('axis') });
  }
};

const pack: Operator = (node, conversion) => {
  const { onnx } = conversion;
  const axis = node.integer('axis');
  const parts = node.inputs.map((value) => {
    const part = onnx.freshName(node.name);
    onnx.node('Unsqueeze', [conversion.plain(value), onnx.integers([axis])], [part]);
    return part;
  });
  onnx.node('Concat', parts, [conversion.define(node.name)], { axis });
};

const concat: Operator = (node, conversion) => {
  const values = node.inputs.slice(0, -1);
  const axis = conversion.numbers(node, -1)[0]!;
  if (values.every((value) => conversion.has(value, 'nchw'))) {
    const turned = TO_NCHW.indexOf(((axis + 4) % 4) as 0 | 1 | 2 | 3);
    conversion.onnx.node('Concat', values.map((value) => conversion.nchw(value)), [conversion.define(node.name, 'nchw')], { axis: turned });
  } else {
    conversion.onnx.node('Concat', values.map((value) => conversion.plain(value)), [conversion.define(node.name)], { axis });
  }
};

const pad: Operator = (node, conversion) => {
  const { onnx } = conversion;
  const [value] = node.inputs as [string];
  const paddings = conversion.numbers(node, 1);
  const layout = conversion.has(value, 'nchw') ? 'nchw' : 'plain';
  const axes = layout === 'nchw' ? TO_NCHW : Array.from({ length: paddings.length / 2 }, (_, axis) => axis);
  const inputs = [
    layout === 'nchw' ? conversion.nchw(value) : conversion.plain(value),
    onnx.integers([...axes.map((axis) => paddings[2 * axis]!), ...axes.map((axis) => paddings[2 * axis + 1]!)]),
  ];
  if (node.op === 'PadV2') inputs.push(conversion.plain(node.inputs[2]!));
  onnx.node('Pad', inputs, [conversion.define(node.name, layout)]);
};

export const SHAPES: OperatorTable = {
  Reshape: reshape, Cast: cast, ExpandDims: expandDims, Squeeze: squeeze, Transpose: transpose,
  Unpack: unpack, Pack: pack, ConcatV2: concat, Pad: pad, PadV2: pad,
};
