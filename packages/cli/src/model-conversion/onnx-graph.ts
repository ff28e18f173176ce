// Builds an ONNX model, node by node, and gives its bytes. The same calls give the same bytes.
import onnxProto from 'onnx-proto';
import { RuthError } from '@ruth/protocol';

const { onnx } = onnxProto;
const KIND = onnx.AttributeProto.AttributeType;

export const OPSET = 18;
const IR_VERSION = 8;

export const ELEMENT = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;
export type ElementType = (typeof ELEMENT)[keyof typeof ELEMENT];

const TENSORFLOW_TYPES: Readonly<Record<string, ElementType>> = { DT_FLOAT: ELEMENT.float32, DT_INT32: ELEMENT.int32, DT_INT64: ELEMENT.int64, DT_BOOL: ELEMENT.bool };

/** The ONNX element type of a TensorFlow type such as DT_FLOAT; throws `model_invalid` for others. */
export function elementType(type: string, where: string): ElementType {
  const found = TENSORFLOW_TYPES[type];
  if (found === undefined) throw new RuthError('model_invalid', `${where}: type ${type || '(none)'} is not supported by the converter; known: ${Object.keys(TENSORFLOW_TYPES).join(', ')}`);
  return found;
}

export interface Float { readonly float: number }
/** A number is an integer attribute; a `Float` says that a fraction is meant, even when it is whole. */
export type AttributeValue = string | number | readonly number[] | Float;

export interface Port {
  readonly name: string;
  readonly type: ElementType;
  /** Sizes; null where one is open. A port without shape may be of any. */
  readonly shape: readonly (number | null)[] | null;
}

export class OnnxGraph {
  readonly #nodes: onnxProto.onnx.INodeProto[] = [];
  readonly #initializers = new Map<string, onnxProto.onnx.ITensorProto>();
  #names = 0;

  /** A name that no other value has, beginning with `prefix`. */
  freshName(prefix: string): string { return `${prefix}#${this.#names++}`; }

  /** Appends an operation; its inputs must have been made before. An empty input name leaves an optional input out. */
  node(op: string, inputs: readonly string[], outputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): void {
    this.#nodes.push({
      opType: op, name: `${op}_${this.#nodes.length}`, input: [...inputs], output: [...outputs],
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    });
  }

  /** Adds a constant and gives its name; the first of a name stays. */
  constant(name: string, shape: readonly number[], data: Float32Array | Int32Array | Uint8Array | BigInt64Array): string {
    if (!this.#initializers.has(name)) {
      this.#initializers.set(name, { name, dims: [...shape], dataType: elementOf(data), rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    }
    return name;
  }

  /** A constant of 64-bit integers, which ONNX wants for axes and shapes. */
  integers(values: readonly number[]): string {
    return this.constant(`int64:${values.join(',')}`, [values.length], BigInt64Array.from(values, (value) => BigInt(value)));
  }

  integer(value: number): string {
    return this.constant(`int64=${value}`, [], BigInt64Array.of(BigInt(value)));
  }

  scalar(value: number): string {
    return this.constant(`float32=${value}`, [], Float32Array.of(value));
  }

  /** The model as bytes of an `.onnx` file. */
  encode(name: string, inputs: readonly Port[], outputs: readonly Port[]): Uint8Array {
    const model = onnx.ModelProto.create({
      irVersion: IR_VERSION, producerName: 'ruth', opsetImport: [{ domain: '', version: OPSET }],
      graph: { name, node: this.#nodes, initializer: [...this.#initializers.values()], input: inputs.map(valueInfo), output: outputs.map(valueInfo) },
    });
    return onnx.ModelProto.encode(model).finish();
  }
}

function attribute(name: string, value: AttributeValue): onnxProto.onnx.IAttributeProto {
  if (typeof value === 'string') return { name, type: KIND.STRING, s: Buffer.from(value) };
  if (typeof value === 'number') return { name, type: KIND.INT, i: value };
  if ('float' in value) return { name, type: KIND.FLOAT, f: value.float };
  return { name, type: KIND.INTS, ints: [...value] };
}

function elementOf(data: Float32Array | Int32Array | Uint8Array | BigInt64Array): ElementType {
  if (data instanceof Float32Array) return ELEMENT.float32;
  if (data instanceof Int32Array) return ELEMENT.int32;
  if (data instanceof BigInt64Array) return ELEMENT.int64;
  return ELEMENT.bool;
}

function valueInfo({ name, type, shape }: Port): onnxProto.onnx.IValueInfoProto {
  const dim = shape?.map((size, axis) => size === null ? { dimParam: `${name}_${axis}` } : { dimValue: size });
  return { name, type: { tensorType: { elemType: type, ...(dim ? { shape: { dim } } : {}) } } };
}
