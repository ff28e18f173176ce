// Reads a TensorFlow.js graph model: the JSON with the topology, and its weights, as they lie in a package.
// Weights come out as plain numbers, whether they were stored whole, as float16, or as quantised integers.
import { RuthError } from '@ruth/protocol';

export type TensorData = Float32Array | Int32Array | Uint8Array;

export interface Constant {
  readonly shape: readonly number[];
  /** Float32Array for float32, Int32Array for int32, Uint8Array (0 or 1) for bool; row by row, channels last. */
  readonly data: TensorData;
}

/** A value that enters or leaves the graph. */
export interface GraphPort {
  readonly name: string;
  /** TensorFlow's name, such as DT_FLOAT. */
  readonly type: string;
  /** Sizes; null where the model leaves one open. */
  readonly shape: readonly (number | null)[] | null;
}

export interface TfjsGraph {
  /** What messages name the model by. */
  readonly label: string;
  readonly nodes: ReadonlyMap<string, TfNode>;
  readonly constants: ReadonlyMap<string, Constant>;
  readonly inputs: readonly GraphPort[];
  readonly outputs: readonly GraphPort[];
}

interface Attribute { s?: string; i?: string | number; f?: number; b?: boolean; type?: string; shape?: TensorShape; list?: { s?: string[]; i?: (string | number)[] } }
interface TensorShape { dim?: { size: string | number }[] }
interface Port { name: string; dtype: string; tensorShape?: TensorShape }
interface Signature { inputs?: Record<string, Port>; outputs?: Record<string, Port> }
interface WeightEntry { name: string; shape: number[]; dtype: string; quantization?: { dtype: string; scale?: number; min?: number } }

/** What a graph model's JSON holds, as far as it is read here. */
export interface TfjsModelJson {
  modelTopology: { node: { name: string; op: string; input?: string[]; attr?: Record<string, Attribute> }[] };
  weightsManifest: { paths: string[]; weights: WeightEntry[] }[];
  signature?: Signature;
  userDefinedMetadata?: { signature?: Signature };
}

/** One operation, with its attributes read by kind. An absent attribute gives `fallback`, or the empty value of its kind. */
export class TfNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly #attributes: Readonly<Record<string, Attribute>>;

  constructor(name: string, op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>>) {
    this.name = name;
    this.op = op;
    this.inputs = inputs;
    this.#attributes = attributes;
  }
  string(key: string, fallback = ''): string { return decode(this.#attributes[key]?.s) ?? fallback; }
  strings(key: string): string[] { return (this.#attributes[key]?.list?.s ?? []).map((text) => decode(text)!); }
  integer(key: string, fallback = 0): number { return Number(this.#attributes[key]?.i ?? fallback); }
  integers(key: string): number[] { return (this.#attributes[key]?.list?.i ?? []).map(Number); }
  float(key: string, fallback: number): number { return this.#attributes[key]?.f ?? fallback; }
  flag(key: string): boolean { return this.#attributes[key]?.b ?? false; }
  type(key: string): string { return this.#attributes[key]?.type ?? ''; }
  shape(key: string): GraphPort['shape'] { return sizes(this.#attributes[key]?.shape); }
}

/** Throws `model_invalid` where the files are no graph model, or the weights are of a kind or length that cannot be right. */
export function readTfjsGraph(model: TfjsModelJson, weights: Uint8Array, label: string): TfjsGraph {
  if (!Array.isArray(model.modelTopology?.node) || !Array.isArray(model.weightsManifest)) {
    throw new RuthError('model_invalid', `${label} is no TensorFlow.js graph model: modelTopology.node and weightsManifest are missing`);
  }
  const nodes = new Map<string, TfNode>();
  for (const { name, op, input = [], attr = {} } of model.modelTopology.node) {
    nodes.set(name, new TfNode(name, op, input.filter((reference) => !reference.startsWith('^')).map(valueName), attr));
  }
  const signature = model.signature ?? model.userDefinedMetadata?.signature ?? {};
  const outputs = Object.values(signature.outputs ?? {}).map(port);
  if (outputs.length === 0) throw new RuthError('model_invalid', `${label} names no outputs in its signature`);
  return { label, nodes, constants: readConstants(model, weights, label), inputs: Object.values(signature.inputs ?? {}).map(port), outputs };
}

/** `a:0` and `a` are the same value; `a:1` is another. */
export function valueName(reference: string): string {
  return reference.endsWith(':0') ? reference.slice(0, -2) : reference;
}

function port({ name, dtype, tensorShape }: Port): GraphPort {
  return { name: valueName(name), type: dtype, shape: sizes(tensorShape) };
}

function sizes(shape: TensorShape | undefined): GraphPort['shape'] {
  return shape ? (shape.dim ?? []).map(({ size }) => Number(size) > 0 ? Number(size) : null) : null;
}

function decode(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8');
}

function readConstants(model: TfjsModelJson, weights: Uint8Array, label: string): Map<string, Constant> {
  const bytes = new DataView(weights.buffer, weights.byteOffset, weights.byteLength);
  const constants = new Map<string, Constant>();
  let offset = 0;
  for (const entry of model.weightsManifest.flatMap((group) => group.weights)) {
    const count = entry.shape.reduce((product, size) => product * size, 1);
    const stored = entry.quantization?.dtype ?? entry.dtype;
    const kind = STORED[stored];
    const create = DECODED[entry.dtype];
    if (!kind || !create) throw new RuthError('model_invalid', `${label}: weights ${entry.name} are ${entry.dtype} stored as ${stored}, which cannot be read; known: ${Object.keys(STORED).join(', ')}`);
    if (offset + count * kind.bytes > bytes.byteLength) throw new RuthError('model_invalid', `${label}: the weights end at byte ${bytes.byteLength}, in the middle of ${entry.name}`);
    const { scale = 1, min = 0 } = entry.quantization ?? {};
    const scaled = stored === 'uint8' || stored === 'uint16';
    const data = create(count);
    for (let index = 0; index < count; index++) {
      const value = kind.read(bytes, offset + index * kind.bytes);
      const number = scaled ? value * scale + min : value;
      data[index] = entry.dtype === 'float32' ? number : Math.round(number);
    }
    constants.set(entry.name, { shape: entry.shape, data });
    offset += count * kind.bytes;
  }
  if (offset !== bytes.byteLength) throw new RuthError('model_invalid', `${label}: the weights have ${bytes.byteLength} bytes, the model describes ${offset}`);
  return constants;
}

const STORED: Readonly<Record<string, { bytes: number; read(view: DataView, offset: number): number }>> = {
  float32: { bytes: 4, read: (view, offset) => view.getFloat32(offset, true) },
  float16: { bytes: 2, read: (view, offset) => halfToNumber(view.getUint16(offset, true)) },
  int32: { bytes: 4, read: (view, offset) => view.getInt32(offset, true) },
  uint16: { bytes: 2, read: (view, offset) => view.getUint16(offset, true) },
  uint8: { bytes: 1, read: (view, offset) => view.getUint8(offset) },
  bool: { bytes: 1, read: (view, offset) => view.getUint8(offset) },
};

const DECODED: Readonly<Record<string, (count: number) => TensorData>> = {
  float32: (count) => new Float32Array(count),
  int32: (count) => new Int32Array(count),
  bool: (count) => new Uint8Array(count),
};

function halfToNumber(half: number): number {
  const sign = half >> 15 === 1 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
