// Tensors as the Open Inference Protocol names them, and how their numbers come out of bytes or of JSON. Little-endian, rows first.
import { RuthError } from '@ruth/protocol/base';
import type { OutputTensor } from '../decode/detections.ts';

export interface OipTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** Its bytes, or numbers where a server has no bytes to give. */
  readonly data: Uint8Array | readonly number[];
}

export interface Datatype {
  /** As ONNX and model.yaml call it. */
  readonly type: string;
  readonly bytes: number;
  readonly array: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayLike<number | bigint>;
}

export const DATATYPES: Readonly<Record<string, Datatype>> = {
  FP32: { type: 'float32', bytes: 4, array: Float32Array },
  FP16: { type: 'float16', bytes: 2, array: Float16Array },
  FP64: { type: 'float64', bytes: 8, array: Float64Array },
  UINT8: { type: 'uint8', bytes: 1, array: Uint8Array },
  INT8: { type: 'int8', bytes: 1, array: Int8Array },
  UINT16: { type: 'uint16', bytes: 2, array: Uint16Array },
  INT16: { type: 'int16', bytes: 2, array: Int16Array },
  UINT32: { type: 'uint32', bytes: 4, array: Uint32Array },
  INT32: { type: 'int32', bytes: 4, array: Int32Array },
  UINT64: { type: 'uint64', bytes: 8, array: BigUint64Array },
  INT64: { type: 'int64', bytes: 8, array: BigInt64Array },
  BOOL: { type: 'bool', bytes: 1, array: Uint8Array },
};

/** `float32` is `FP32`. */
export function datatypeOf(type: string): string {
  return Object.entries(DATATYPES).find(([, known]) => known.type === type)?.[0] ?? type;
}

/** Throws `inference_failed` where there are more or fewer numbers than the shape says, or none at all. */
export function toOutput({ name, datatype, shape, data }: OipTensor): OutputTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const known = DATATYPES[datatype];
  if (!known) throw new RuthError('inference_failed', `the server gives ${datatype} for ${name}, which holds no numbers`);
  const given = data instanceof Uint8Array ? data.byteLength / known.bytes : data.length;
  if (given !== count) throw new RuthError('inference_failed', `the server gives ${given} numbers for ${name}, whose shape [${shape.join(', ')}] has ${count}`);
  if (!(data instanceof Uint8Array)) return { dims: shape, data: Float32Array.from(data) };
  const numbers = numbersOf(data, known);
  return { dims: shape, data: numbers instanceof Float32Array ? numbers : Float32Array.from(numbers, Number) };
}

/** For servers that take no bytes. */
export function toNumbers({ datatype, data }: OipTensor): number[] {
  if (!(data instanceof Uint8Array)) return [...data];
  return Array.from(numbersOf(data, DATATYPES[datatype]!), Number);
}

/** A view where the bytes lie so that there can be one. */
export function numbersOf(data: Uint8Array, { array: NumberArray, bytes }: Datatype): ArrayLike<number | bigint> {
  const { buffer, byteOffset, byteLength } = data.byteOffset % bytes === 0 ? data : new Uint8Array(data);
  return new NumberArray(buffer, byteOffset, byteLength / bytes);
}
