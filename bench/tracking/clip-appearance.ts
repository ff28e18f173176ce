// What the people of a sequence's clip look like: a re-identification model, served as for a user, is asked about boxes of its pictures.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel, serveModel, type ModelContainer } from '@ruth/container';
import { appearanceOf, type Appearance } from '@ruth/core';
import { COLOUR_MATRIX, COLOUR_RANGE, DEFAULT_RING_DIRECTORY, InferResponse, validator, type Box } from '@ruth/protocol';
import { IpcClient, RingWriter } from '@ruth/transport';
import { Decoder, Demuxer } from 'node-av/api';
import type { PixelBox, Sequence } from './sequence.ts';

interface Picture { readonly width: number; readonly height: number; readonly planes: readonly Buffer[] }

const response = validator(InferResponse);
const SLOTS = 4;

export class ClipAppearance implements AsyncDisposable {
  readonly #sequence: Sequence;
  readonly #pictures: readonly Picture[];
  readonly #modelId: string;
  readonly #container: ModelContainer;
  readonly #client: IpcClient;
  readonly #ring: RingWriter;
  readonly #directories: readonly string[];
  #shown: { index: number; frameId: number } | null = null;
  #spentMs = 0;
  #vectors = 0;

  private constructor(sequence: Sequence, pictures: readonly Picture[], modelId: string, container: ModelContainer, ringDirectory: string, socketDirectory: string) {
    this.#sequence = sequence;
    this.#pictures = pictures;
    this.#modelId = modelId;
    this.#container = container;
    this.#client = new IpcClient(container.socketPath, { maxConnections: 1 });
    const { width, height } = pictures[0]!;
    this.#ring = RingWriter.create({ cameraId: 'clip', width, height, format: 'I420', slotCount: SLOTS, ringDirectory });
    this.#directories = [ringDirectory, socketDirectory];
  }

  static async open(sequence: Sequence, folder: string, modelFolder: string): Promise<ClipAppearance> {
    const clip = readdirSync(folder).find((name) => name.endsWith('.mp4'));
    if (clip === undefined) throw new Error(`${folder} has no .mp4 of the sequence`);
    const pictures = await picturesOf(join(folder, clip));
    const ringDirectory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-appearance-'));
    const socketDirectory = mkdtempSync(join(tmpdir(), 'ruth-appearance-'));
    const model = await loadModel(modelFolder);
    return new ClipAppearance(sequence, pictures, model.manifest.model_id, await serveModel(model, { ringDirectory, socketDirectory }), ringDirectory, socketDirectory);
  }

  /** Milliseconds of a vector, from request to answer, and how many there were. */
  get cost(): { msEach: number; vectors: number } { return { msEach: this.#spentMs / Math.max(this.#vectors, 1), vectors: this.#vectors }; }

  /** Null where the box has no picture in it. */
  async vector(frame: number, [left, top, right, bottom]: PixelBox): Promise<Appearance | null> {
    const { width, height } = this.#sequence;
    const roi = [left / width, top / height, right / width, bottom / height].map((value) => Math.min(Math.max(value, 0), 1)) as Box;
    if (roi[0] >= roi[2] || roi[1] >= roi[3]) return null;
    const frameId = this.#show(frame);
    const startedMs = performance.now();
    const answer = response.parse(await this.#client.request({ frame_reference: this.#ring.path, frame_metadata: { frame_id: frameId }, camera_id: 'clip', model_id: this.#modelId, config: { roi } }, { timeoutMs: 60_000 }));
    this.#spentMs += performance.now() - startedMs;
    this.#vectors++;
    if (answer.error !== null) throw new Error(answer.error);
    return appearanceOf(answer.detections[0]!.embedding!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
    await this.#container[Symbol.asyncDispose]();
    this.#ring[Symbol.dispose]();
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true });
  }

  #show(index: number): number {
    if (this.#shown?.index === index) return this.#shown.frameId;
    const { width, planes } = this.#pictures[index]!;
    const slot = this.#ring.begin();
    for (const [plane, pixels] of planes.entries()) {
      const bytes = plane === 0 ? width : Math.ceil(width / 2);
      for (let from = 0, row = 0; from < pixels.length; from += bytes, row++) pixels.copy(slot.planes[plane]!, row * slot.strides[plane]!, from, from + bytes);
    }
    this.#shown = { index, frameId: this.#ring.publish({ ptsUs: 0, capturedAtUs: Date.now() * 1000, colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.limited, epoch: 0 }) };
    return this.#shown.frameId;
  }
}

/** All of them: a short clip. */
async function picturesOf(clip: string): Promise<Picture[]> {
  await using demuxer = await Demuxer.open(clip);
  const stream = demuxer.video()!;
  using decoder = await Decoder.create(stream);
  const pictures: Picture[] = [];
  for await (using picture of decoder.frames(demuxer.packets(stream.index))) {
    if (!picture) continue;
    const { width, height, data, linesize } = picture;
    pictures.push({ width, height, planes: [0, 1, 2].map((plane) => {
      const [bytes, rows] = plane === 0 ? [width, height] : [Math.ceil(width / 2), Math.ceil(height / 2)];
      return Buffer.concat(Array.from({ length: rows }, (_, row) => data![plane]!.subarray(row * linesize[plane]!, row * linesize[plane]! + bytes)));
    }) });
  }
  return pictures;
}
