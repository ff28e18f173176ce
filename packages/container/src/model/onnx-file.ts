// Says in a sentence why a file is no ONNX model, which ONNX Runtime does not. Walks the outermost fields of the
// ModelProto by their lengths, so that a large file costs a few small reads.
import { open, type FileHandle } from 'node:fs/promises';
import { RuthError } from '@ruth/protocol';

// ModelProto: ir_version 1, producer 2 and 3, domain 4, model_version 5, doc 6, graph 7, opset 8, metadata 14,
// training 20, functions 25, configuration 26. Wire type 0 is a varint, 2 a length and its bytes.
const WIRE_TYPES: Readonly<Record<number, number>> = { 1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2 };
const GRAPH_FIELD = 7;

/** Throws `model_invalid` for a file that is missing, is no ONNX model, or is cut short. */
export async function checkOnnxFile(path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (cause) {
    throw new RuthError('model_invalid', `${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  await using handle = file;
  const { size } = await handle.stat();
  const head = Buffer.alloc(20);
  let hasGraph = false;
  for (let at = 0; at < size;) {
    const { bytesRead } = await handle.read(head, 0, head.length, at);
    const tag = varint(head.subarray(0, bytesRead), 0);
    const field = tag ? Math.floor(tag.value / 8) : 0;
    const value = tag && WIRE_TYPES[field] === tag.value % 8 ? varint(head.subarray(0, bytesRead), tag.end) : null;
    if (!value) throw new RuthError('model_invalid', at === 0 ? `${path} is not an ONNX model (begins with ${opening(head.subarray(0, bytesRead))})` : `${path} is not a whole ONNX model: what stands at byte ${at} belongs to none`);
    const next = at + value.end + (WIRE_TYPES[field] === 2 ? value.value : 0);
    if (next > size) throw new RuthError('model_invalid', `${path} is cut short: it has ${size} bytes of at least ${next}`);
    hasGraph ||= field === GRAPH_FIELD;
    at = next;
  }
  if (!hasGraph) throw new RuthError('model_invalid', size === 0 ? `${path} is empty` : `${path} is not an ONNX model: it holds no graph`);
}

function varint(bytes: Buffer, start: number): { value: number; end: number } | null {
  let value = 0;
  for (let at = start, scale = 1; at < bytes.length && at < start + 8; at++, scale *= 128) {
    value += (bytes[at]! & 0x7f) * scale;
    if (bytes[at]! < 0x80) return { value, end: at + 1 };
  }
  return null;
}

function opening(bytes: Buffer): string {
  const start = bytes.subarray(0, 12);
  return start.every((byte) => byte >= 0x20 && byte < 0x7f) ? JSON.stringify(start.toString('latin1')) : `bytes ${start.toString('hex')}`;
}
