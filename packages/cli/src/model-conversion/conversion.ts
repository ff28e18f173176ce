// One conversion under way: which TensorFlow values exist in the ONNX graph, and in which order of axes.
//
// TensorFlow.js computes channels last (NHWC), ONNX convolutions channels first (NCHW). Each value therefore has up to
// two forms: `x` as TensorFlow means it, and `x@nchw`. An operation asks for the form that suits it; a Transpose is made
// only where a form is missing, once.
import { RuthError } from '@ruth/protocol';
import type { OnnxGraph } from './onnx-graph.ts';
import { permute } from './tensor.ts';
import type { Constant, TfjsGraph, TfNode } from './tfjs-graph.ts';

export const TO_NCHW = [0, 3, 1, 2] as const;
const TO_NHWC = [0, 2, 3, 1] as const;

export type Layout = 'plain' | 'nchw';

export class Conversion {
  readonly source: TfjsGraph;
  readonly onnx: OnnxGraph;
  readonly #forms = new Map<string, Set<Layout>>();

  constructor(source: TfjsGraph, onnx: OnnxGraph) {
    this.source = source;
    this.onnx = onnx;
  }

  /** Says that `value` exists from now on in `layout`, and gives its name there. */
  define(value: string, layout: Layout = 'plain'): string {
    const forms = this.#forms.get(value) ?? new Set();
    this.#forms.set(value, forms.add(layout));
    return layout === 'nchw' ? `${value}@nchw` : value;
  }

  has(value: string, layout: Layout): boolean { return this.#forms.get(value)?.has(layout) ?? false; }

  /** The value in TensorFlow's own order of axes. */
  plain(value: string): string {
    const constant = this.constantOf(value);
    if (constant) return this.onnx.constant(value, constant.shape, constant.data);
    if (!this.has(value, 'plain')) {
      this.#mustExist(value);
      this.onnx.node('Transpose', [`${value}@nchw`], [this.define(value)], { perm: TO_NHWC });
    }
    return value;
  }

  /** A value of four axes, channels first. */
  nchw(value: string): string {
    if (!this.has(value, 'nchw')) this.onnx.node('Transpose', [this.plain(value)], [this.define(value, 'nchw')], { perm: TO_NCHW });
    return `${value}@nchw`;
  }

  /** A constant as the partner of a channels-first value: its axes are filled up to four, as broadcasting does, then turned. */
  broadcastNchw(value: string): string {
    const constant = this.constantOf(value)!;
    if (constant.data.length === 1) return this.plain(value);
    const shape = [...Array<number>(4 - constant.shape.length).fill(1), ...constant.shape];
    const turned = permute({ shape, data: constant.data }, TO_NCHW);
    return this.onnx.constant(`${value}@nchw`, turned.shape, turned.data);
  }

  /** The constant behind a value, also through Identity; null where the value is computed. */
  constantOf(value: string): Constant | null {
    let node = this.source.nodes.get(value);
    while (node?.op === 'Identity') node = this.source.nodes.get(node.inputs[0]!);
    return node?.op === 'Const' ? this.source.constants.get(node.name) ?? null : null;
  }

  /** The constant that input `index` of a node must be; throws `model_invalid` where it is computed. */
  constantInput(node: TfNode, index: number): Constant {
    const value = node.inputs.at(index);
    const constant = value === undefined ? null : this.constantOf(value);
    if (!constant) throw this.refuse(node, `needs a constant as input ${index < 0 ? node.inputs.length + index : index}`);
    return constant;
  }

  /** The numbers of a constant input, for axes, shapes and paddings. */
  numbers(node: TfNode, index: number): number[] { return Array.from(this.constantInput(node, index).data); }

  refuse(node: TfNode, problem: string): RuthError {
    return new RuthError('model_invalid', `${this.source.label}: ${node.op} (${node.name}) ${problem}`);
  }

  #mustExist(value: string): void {
    if (!this.#forms.has(value)) throw new RuthError('model_invalid', `${this.source.label}: no operation makes the value ${value}`);
  }
}

/** Converts one kind of operation: emits ONNX nodes and defines every value the operation gives. */
export type Operator = (node: TfNode, conversion: Conversion) => void;
export type OperatorTable = Readonly<Record<string, Operator>>;
