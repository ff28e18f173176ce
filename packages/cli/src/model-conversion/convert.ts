// TensorFlow.js graph model to ONNX. The same model gives the same bytes, so that a manifest can name their sha256.
import { RuthError } from '@ruth/protocol';
import { Conversion, type OperatorTable } from './conversion.ts';
import { elementType, OnnxGraph, type Port } from './onnx-graph.ts';
import { ACTIVATIONS } from './operators/activation.ts';
import { ARITHMETIC } from './operators/arithmetic.ts';
import { CONVOLUTIONS } from './operators/convolution.ts';
import { SELECTIONS } from './operators/selection.ts';
import { SHAPES } from './operators/shape.ts';
import { SPATIAL } from './operators/spatial.ts';
import { readTfjsGraph, type GraphPort, type TfjsGraph, type TfjsModelJson, type TfNode } from './tfjs-graph.ts';

const OPERATORS: OperatorTable = { ...CONVOLUTIONS, ...ACTIVATIONS, ...ARITHMETIC, ...SPATIAL, ...SHAPES, ...SELECTIONS };

export interface ConversionOptions {
  /** What errors name the model by. */
  label: string;
  /** The one output to keep, and with it only what it needs; all outputs unless told. */
  output?: string;
}

/**
 * Gives the bytes of an `.onnx` file. Inputs and outputs keep TensorFlow's names (without `:0`), types and order of axes.
 * Throws `model_invalid` naming the operation where the model holds one that is not in the table.
 */
export function convertTfjsModel(model: TfjsModelJson, weights: Uint8Array, { label, output }: ConversionOptions): Uint8Array {
  const source = readTfjsGraph(model, weights, label);
  const outputs = output === undefined ? source.outputs : source.outputs.filter((port) => port.name === output);
  if (outputs.length === 0) throw new RuthError('model_invalid', `${label} has no output ${output}; known: ${source.outputs.map((port) => port.name).join(', ')}`);

  const onnx = new OnnxGraph();
  const conversion = new Conversion(source, onnx);
  const inputs: Port[] = [];
  for (const node of inOrder(source, outputs)) {
    if (node.op === 'Const') continue;
    if (node.op === 'Placeholder') {
      inputs.push(onnxPort(inputPort(source, node), label));
      conversion.define(node.name);
      continue;
    }
    const operator = OPERATORS[node.op];
    if (!operator) throw conversion.refuse(node, 'is no operation that the converter knows; add it to a table in operators/');
    operator(node, conversion);
  }
  for (const port of outputs) conversion.plain(port.name);
  return onnx.encode(label, inputs, outputs.map((port) => onnxPort(port, label)));
}

/** The operations that the outputs need, each after those it needs itself. */
function inOrder(source: TfjsGraph, outputs: readonly GraphPort[]): TfNode[] {
  const ordered: TfNode[] = [];
  const visited = new Set<string>();
  // A stack of its own: the depth of a model may be beyond that of JavaScript's.
  const stack = outputs.map((port) => ({ name: producer(port.name), entered: false })).reverse();
  for (let step = stack.pop(); step; step = stack.pop()) {
    const node = source.nodes.get(step.name);
    if (!node) throw new RuthError('model_invalid', `${source.label}: no operation makes the value ${step.name}`);
    if (step.entered) {
      ordered.push(node);
    } else if (!visited.has(step.name)) {
      visited.add(step.name);
      stack.push({ name: step.name, entered: true });
      for (const input of node.inputs.toReversed()) stack.push({ name: producer(input), entered: false });
    }
  }
  return ordered;
}

function producer(value: string): string { return value.replace(/:\d+$/, ''); }

function inputPort(source: TfjsGraph, node: TfNode): GraphPort {
  return source.inputs.find((port) => port.name === node.name) ?? { name: node.name, type: node.type('dtype'), shape: node.shape('shape') };
}

function onnxPort({ name, type, shape }: GraphPort, label: string): Port {
  return { name, type: elementType(type, `${label}: ${name}`), shape };
}
