// Says in a sentence why a file is no ONNX model, which ONNX Runtime does not. Walks the outermost fields of the
// ModelProto by their lengths, so that a large file costs a few small reads.
import { RuthError } from '@ruth/protocol/base';
import { type Field, LENGTH_DELIMITED, ProtobufFile, ProtobufProblem, VARINT } from './protobuf-file.ts';

// ModelProto: ir_version 1, producer 2 and 3, domain 4, model_version 5, doc 6, graph 7, opset 8, metadata 14,
// training 20, functions 25, configuration 26.
const MODEL_WIRE_TYPES: Readonly<Record<number, number>> = {
  1: VARINT, 2: LENGTH_DELIMITED, 3: LENGTH_DELIMITED, 4: LENGTH_DELIMITED, 5: VARINT, 6: LENGTH_DELIMITED, 7: LENGTH_DELIMITED, 8: LENGTH_DELIMITED,
  14: LENGTH_DELIMITED, 20: LENGTH_DELIMITED, 25: LENGTH_DELIMITED, 26: LENGTH_DELIMITED,
};
const GRAPH_FIELD = 7;

/** Throws `model_invalid` for a file that is missing, is no ONNX model, or is cut short. */
export function checkOnnxFile(path: string): void {
  using file = new ProtobufFile(path);
  modelFields(file);
}

/** The outermost fields of a model. Throws `model_invalid` with a sentence for a person. */
export function modelFields(file: ProtobufFile): Field[] {
  const { path, size } = file;
  if (size === 0) throw new RuthError('model_invalid', `${path} is empty`);
  const found: Field[] = [];
  try {
    for (const field of file.fields()) {
      if (MODEL_WIRE_TYPES[field.number] !== field.wireType) throw new ProtobufProblem(field.at, 'no field of a model');
      found.push(field);
    }
  } catch (cause) {
    throw notWhole(file, cause);
  }
  if (!found.some(({ number }) => number === GRAPH_FIELD)) throw new RuthError('model_invalid', `${path} is not an ONNX model: it holds no graph`);
  return found;
}

/** A `ProtobufProblem` as a sentence; anything else as it is. */
export function notWhole(file: ProtobufFile, cause: unknown): unknown {
  if (!(cause instanceof ProtobufProblem)) return cause;
  const { path, size } = file;
  if (cause.at === 0) return new RuthError('model_invalid', `${path} is not an ONNX model (begins with ${opening(file)})`, { cause });
  if (cause.needed !== null) return new RuthError('model_invalid', `${path} is cut short: it has ${size} bytes of at least ${cause.needed}`, { cause });
  return new RuthError('model_invalid', `${path} is not a whole ONNX model: what stands at byte ${cause.at} belongs to none`, { cause });
}

function opening(file: ProtobufFile): string {
  const start = file.bytes({ number: 0, wireType: 0, value: 0, at: 0, start: 0, end: file.size }, 12);
  return start.every((byte) => byte >= 0x20 && byte < 0x7f) ? JSON.stringify(start.toString('latin1')) : `bytes ${start.toString('hex')}`;
}
