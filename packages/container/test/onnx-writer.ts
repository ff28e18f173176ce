// Writes small ONNX models for tests: just enough protobuf, so that no file of weights stands in the repository.

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string | readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[] | OnnxGraph>>;
}

/** A size of text is an open one. */
export interface OnnxValue { readonly name: string; readonly type: keyof typeof TYPES; readonly dims: readonly (number | string)[] }

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly constants: Readonly<Record<string, Float32Array | BigInt64Array>>;
  readonly constantDims?: Readonly<Record<string, readonly number[]>>;
  readonly outputs: readonly OnnxValue[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly producer?: string;
}

const TYPES = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 } as const;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push(value % 128 | 128);
  return Buffer.from([...bytes, value]);
}
const number = (field: number, value: number): Buffer => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field: number, value: Buffer | string): Buffer => Buffer.concat([varint(field * 8 + 2), varint(Buffer.byteLength(value)), Buffer.from(value)]);

const tensor = (name: string, data: Float32Array | BigInt64Array, dims: readonly number[]): Buffer => Buffer.concat([
  ...dims.map((size) => number(1, size)), number(2, data instanceof Float32Array ? TYPES.float32 : TYPES.int64), bytes(8, name),
  bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
]);

const valueInfo = ({ name, type, dims }: OnnxValue): Buffer => {
  const shape = Buffer.concat(dims.map((size) => bytes(1, typeof size === 'string' ? bytes(2, size) : number(1, size))));
  return Buffer.concat([bytes(1, name), bytes(2, bytes(1, Buffer.concat([number(1, TYPES[type]), bytes(2, shape)])))]);
};

function attribute(name: string, value: number | readonly number[] | OnnxGraph): Buffer {
  // Attribute types: 2 an integer, 5 a graph (the body of a loop), 7 a list of integers.
  if (typeof value === 'object' && 'nodes' in value) return Buffer.concat([bytes(1, name), bytes(6, graphBody(value)), number(20, 5)]);
  if (typeof value === 'number') return Buffer.concat([bytes(1, name), number(3, value), number(20, 2)]);
  return Buffer.concat([bytes(1, name), ...value.map((item) => number(8, item)), number(20, 7)]);
}

function graphBody(graph: OnnxGraph): Buffer {
  const nodes = graph.nodes.map(({ op, inputs, output, attributes = {} }) => bytes(1, Buffer.concat([
    ...inputs.map((name) => bytes(1, name)), ...[output].flat().map((name) => bytes(2, name)), bytes(4, op), ...Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
  ])));
  const constants = Object.entries(graph.constants).map(([name, data]) => bytes(5, tensor(name, data, graph.constantDims?.[name] ?? [data.length])));
  return Buffer.concat([...nodes, bytes(2, 'test'), ...constants, ...graph.inputs.map((value) => bytes(11, valueInfo(value))), ...graph.outputs.map((value) => bytes(12, valueInfo(value)))]);
}

export function onnxFile(graph: OnnxGraph): Buffer {
  const metadata = Object.entries(graph.metadata ?? {}).map(([key, value]) => bytes(14, Buffer.concat([bytes(1, key), bytes(2, value)])));
  return Buffer.concat([number(1, 8), ...(graph.producer === undefined ? [] : [bytes(2, graph.producer)]), bytes(7, graphBody(graph)), bytes(8, number(2, 17)), ...metadata]);
}
