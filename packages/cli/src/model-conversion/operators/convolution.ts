// Convolutions, with the bias and activation that TensorFlow fused into them, and pooling. All channels first.
import type { AttributeValue } from '../onnx-graph.ts';
import type { Conversion, Operator, OperatorTable } from '../conversion.ts';
import { permute } from '../tensor.ts';
import type { TfNode } from '../tfjs-graph.ts';
import { emitActivation, isActivation } from './activation.ts';

type Attributes = Record<string, AttributeValue>;

const convolution: Operator = (node, conversion) => {
  requireNhwc(node, conversion);
  const { onnx } = conversion;
  const depthwise = node.op.includes('Depthwise');
  const kernel = conversion.constantInput(node, 1);
  const [height, width, channels, count] = kernel.shape as [number, number, number, number];
  const turned = permute(kernel, depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1]);
  const inputs = [conversion.nchw(node.inputs[0]!), onnx.constant(`${node.inputs[1]}@kernel`, depthwise ? [channels * count, 1, height, width] : turned.shape, turned.data)];

  const fused = node.strings('fused_ops');
  if (fused[0] === 'BiasAdd') {
    const bias = conversion.constantInput(node, 2);
    inputs.push(onnx.constant(`${node.inputs[2]}@bias`, [bias.data.length], bias.data));
    fused.shift();
  }
  const [activation, ...rest] = fused;
  if (rest.length > 0 || (activation !== undefined && !isActivation(activation))) {
    throw conversion.refuse(node, `is fused with ${fused.join(', ')}, which the converter does not support`);
  }
  const dilations = node.integers('dilations');
  const attributes: Attributes = { kernel_shape: [height, width], group: depthwise ? channels : 1, ...padding(node, conversion), ...strides(node) };
  if (dilations.length === 4) attributes.dilations = [dilations[1]!, dilations[2]!];

  const output = conversion.define(node.name, 'nchw');
  const direct = activation === undefined ? output : onnx.freshName(node.name);
  onnx.node('Conv', inputs, [direct], attributes);
  if (activation !== undefined) emitActivation(onnx, activation, direct, output, node.float('leakyrelu_alpha', 0.2));
};

const pooling = (op: string): Operator => (node, conversion) => {
  requireNhwc(node, conversion);
  const window = node.integers('ksize');
  conversion.onnx.node(op, [conversion.nchw(node.inputs[0]!)], [conversion.define(node.name, 'nchw')], {
    kernel_shape: [window[1]!, window[2]!], ...padding(node, conversion), ...strides(node),
  });
};

function requireNhwc(node: TfNode, conversion: Conversion): void {
  if (node.string('data_format', 'NHWC') !== 'NHWC') throw conversion.refuse(node, `computes in ${node.string('data_format')}; the converter reads NHWC`);
}

function strides(node: TfNode): Attributes {
  const [, rows, columns] = node.integers('strides') as [number, number, number];
  return { strides: [rows, columns] };
}

function padding(node: TfNode, conversion: Conversion): Attributes {
  const kind = node.string('padding');
  if (kind === 'SAME') return { auto_pad: 'SAME_UPPER' };
  if (kind === 'VALID') return {};
  const pads = node.integers('explicit_paddings');
  if (kind !== 'EXPLICIT' || pads.length !== 8) throw conversion.refuse(node, `has padding ${JSON.stringify(kind)}; known: SAME, VALID, EXPLICIT`);
  const [, , top, bottom, left, right] = pads as [number, number, number, number, number, number];
  return { pads: [top, left, bottom, right] };
}

export const CONVOLUTIONS: OperatorTable = {
  Conv2D: convolution,
  _FusedConv2D: convolution,
  DepthwiseConv2dNative: convolution,
  FusedDepthwiseConv2dNative: convolution,
  MaxPool: pooling('MaxPool'),
  AvgPool: pooling('AveragePool'),
};
