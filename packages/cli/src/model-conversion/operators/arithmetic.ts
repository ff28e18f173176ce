// Operations on two values that broadcast against each other. They stay channels first where every computed input is.
import { type Conversion, type Layout, type Operator, type OperatorTable } from '../conversion.ts';
import type { OnnxGraph } from '../onnx-graph.ts';
import type { TfNode } from '../tfjs-graph.ts';

type Emit = (onnx: OnnxGraph, inputs: readonly [string, string], output: string, node: TfNode) => void;

const binary = (emit: Emit): Operator => (node, conversion) => {
  const layout = commonLayout(node, conversion);
  const [left, right] = node.inputs.map((value) => {
    if (layout === 'plain') return conversion.plain(value);
    return conversion.constantOf(value) ? conversion.broadcastNchw(value) : conversion.nchw(value);
  }) as [string, string];
  emit(conversion.onnx, [left, right], conversion.define(node.name, layout), node);
};

function commonLayout(node: TfNode, conversion: Conversion): Layout {
  const computed = node.inputs.filter((value) => !conversion.constantOf(value));
  return computed.length > 0 && computed.every((value) => conversion.has(value, 'nchw')) ? 'nchw' : 'plain';
}

const direct = (op: string): Operator => binary((onnx, inputs, output) => onnx.node(op, inputs, [output]));

const squaredDifference: Emit = (onnx, inputs, output) => {
  const difference = onnx.freshName(output);
  onnx.node('Sub', inputs, [difference]);
  onnx.node('Mul', [difference, difference], [output]);
};

// TensorFlow rounds quotients down, ONNX cuts integer quotients off; its Mod of integers agrees with TensorFlow's.
const floorDivide: Emit = (onnx, [left, right], output, node) => {
  const [first, second] = [onnx.freshName(output), onnx.freshName(output)];
  if (node.type('T') === 'DT_FLOAT') {
    onnx.node('Div', [left, right], [first]);
    onnx.node('Floor', [first], [output]);
    return;
  }
  onnx.node('Mod', [left, right], [first]);
  onnx.node('Sub', [left, first], [second]);
  onnx.node('Div', [second, right], [output]);
};

const floorModulo: Emit = (onnx, [left, right], output, node) => {
  if (node.type('T') !== 'DT_FLOAT') {
    onnx.node('Mod', [left, right], [output]);
    return;
  }
  const [floor, product] = [onnx.freshName(output), onnx.freshName(output)];
  floorDivide(onnx, [left, right], floor, node);
  onnx.node('Mul', [floor, right], [product]);
  onnx.node('Sub', [left, product], [output]);
};

export const ARITHMETIC: OperatorTable = {
  Add: direct('Add'), AddV2: direct('Add'), BiasAdd: direct('Add'), Sub: direct('Sub'), Mul: direct('Mul'), RealDiv: direct('Div'),
  Maximum: direct('Max'), Minimum: direct('Min'), Equal: direct('Equal'), Greater: direct('Greater'), Less: direct('Less'),
  SquaredDifference: binary(squaredDifference), FloorDiv: binary(floorDivide), FloorMod: binary(floorModulo),
};
