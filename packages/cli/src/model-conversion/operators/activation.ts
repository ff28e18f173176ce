// Operations on each number alone: they keep whatever order of axes their input has.
import type { Operator, OperatorTable } from '../conversion.ts';
import type { OnnxGraph } from '../onnx-graph.ts';

const FUSED = new Set(['Relu', 'Relu6', 'Elu', 'LeakyRelu', 'Sigmoid']);

/** Whether an activation may stand fused in a convolution. */
export function isActivation(name: string): boolean { return FUSED.has(name); }

export function emitActivation(onnx: OnnxGraph, name: string, input: string, output: string, alpha: number): void {
  if (name === 'Relu6') onnx.node('Clip', [input, onnx.scalar(0), onnx.scalar(6)], [output]);
  else if (name === 'LeakyRelu') onnx.node(name, [input], [output], { alpha: { float: alpha } });
  else onnx.node(name, [input], [output]);
}

const pointwise: Operator = (node, conversion) => {
  const [value] = node.inputs as [string];
  const layout = conversion.has(value, 'nchw') ? 'nchw' : 'plain';
  const input = layout === 'nchw' ? conversion.nchw(value) : conversion.plain(value);
  emitActivation(conversion.onnx, node.op, input, conversion.define(node.name, layout), node.float('alpha', 0.2));
};

export const ACTIVATIONS: OperatorTable = {
  Relu: pointwise, Relu6: pointwise, Elu: pointwise, LeakyRelu: pointwise, Sigmoid: pointwise,
  Tanh: pointwise, Exp: pointwise, Sqrt: pointwise, Neg: pointwise, Identity: pointwise,
};
