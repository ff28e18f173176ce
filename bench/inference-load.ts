// The load of the inference and batching benches: cameras whose frames lie ready in a ring, and which ask again when they are answered.
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadedModel } from '@ruth/container';
import { COLOUR_MATRIX, COLOUR_RANGE, type InferRequest, type InferResponse } from '@ruth/protocol';
import { IpcClient, RingWriter } from '@ruth/transport';

const CAMERAS = 8;
const FRAME_MS = 40;
const SIZE = { width: 1920, height: 1080 } as const;
export const SLOTS = 8;
/** Until the cameras are in step with the sessions. */
const SETTLE_MS = 300;

export interface Load { readonly socketPath: string; readonly model: LoadedModel; readonly ring: RingWriter }

export interface Rate {
  readonly perSecond: number;
  readonly answered: number;
}

/** Answers a second while all cameras ask: neither the first, for which everything is free, nor the last, after which sessions have nothing to do. */
export interface Served extends Rate {
  /** Mean over the answers: frames in their inference. */
  readonly batchSize: number;
}

/** Cameras that each ask again when they are answered. */
export async function served({ ring, socketPath, model }: Load, durationMs: number): Promise<Served> {
  await using client = new IpcClient(socketPath, { maxConnections: CAMERAS });
  const begun = performance.now();
  let [answered, counted, together] = [0, 0, 0];
  const ask = async (index: number): Promise<void> => {
    for (let turn = index; performance.now() - begun < durationMs + SETTLE_MS; turn++) {
      const answer = await client.request(requestOf(ring, model, turn), { timeoutMs: 30_000 }) as InferResponse;
      if (answer.error === null) {
        answered++;
        together += answer.metadata.batch_size ?? 1;
        const atMs = performance.now() - begun - SETTLE_MS;
        if (atMs >= 0 && atMs < durationMs) counted++;
      } else if (answer.error_code === 'overloaded') await delay(FRAME_MS); // Eight that always ask are more than the sessions can do: who is refused asks again with the next frame.
      else throw new Error(answer.error);
    }
  };
  await Promise.all(Array.from({ length: CAMERAS }, (_, index) => ask(index)));
  return { perSecond: counted / durationMs * 1000, answered, batchSize: together / answered };
}

export function requestOf(ring: RingWriter, model: LoadedModel, turn: number): InferRequest {
  return { frame_reference: ring.path, frame_metadata: { frame_id: turn % SLOTS, ...SIZE, format: 'NV12' }, camera_id: 'bench', model_id: model.manifest.model_id };
}

/** Pictures with edges and slopes, each a little different. */
export function filledRing(ringDirectory: string): RingWriter {
  const ring = RingWriter.create({ cameraId: 'bench', ...SIZE, format: 'NV12', slotCount: SLOTS, ringDirectory });
  for (let frame = 0; frame < SLOTS; frame++) {
    const { planes, strides } = ring.begin();
    for (const [index, plane] of planes.entries()) {
      for (let at = 0; at < plane.length; at++) plane[at] = 16 + ((at % strides[index]! >> 3) * 5 + (at / strides[index]! >> 4) * 7 + frame * 11) % 220;
    }
    ring.publish({ ptsUs: frame, capturedAtUs: frame, colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.limited, epoch: 0 });
  }
  return ring;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
