// A live camera whose truth is known: a white square crosses a dark picture, and where it is in frame n can be computed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Box, LiveInit } from '@ruth/protocol';
import type { WebSocket } from 'ws';

export const WIDTH = 640;
export const HEIGHT = 360;
export const FPS = 25;
const SQUARE = 80;
const SECONDS = 30;
const GOP = 25;
export const PTS_ORIGIN_US = 7_000_000;
const MIME = 'video/mp4; codecs="avc1.42c01e"';

/** Pixels of the picture that the square moves to the right from frame to frame. */
export const STEP_PX = 4;
/** After so many it is where it was from left to right. */
export const ROUND_FRAMES = 120;
export const squareAt = (frame: number): Box => {
  const [x, y] = [40 + (frame * STEP_PX) % 480, 60 + (frame * 2) % 180];
  return [x / WIDTH, y / HEIGHT, (x + SQUARE) / WIDTH, (y + SQUARE) / HEIGHT];
};
export const ptsOf = (frame: number): number => PTS_ORIGIN_US + frame * 1e6 / FPS;

/** Plays its clip in real time, over and over; each round is a stream of its own, with an epoch of its own. */
export class SquareCamera implements Disposable {
  readonly #init: Buffer;
  readonly #fragments: Buffer[];
  readonly #viewers = new Set<WebSocket>();
  readonly #onFrame: (frame: number, epoch: number) => void;
  readonly #timer: NodeJS.Timeout;
  #startedAt = performance.now();
  #heldAt: number | null = null;
  #next = 0;
  #epoch = 1;

  /** `onFrame` is called when a frame is captured. */
  constructor(onFrame: (frame: number, epoch: number) => void) {
    ({ init: this.#init, fragments: this.#fragments } = makeClip());
    this.#onFrame = onFrame;
    this.#timer = setInterval(() => this.#tick(), 10);
  }

  /** Serves a viewer as the kernel would: what the stream is, the init segment, then fragments from the last keyframe on. */
  view(socket: WebSocket): void {
    this.#begin(socket);
    const keyframe = Math.floor(Math.max(0, this.#next - 1) / GOP) * GOP;
    for (const fragment of this.#fragments.slice(keyframe, this.#next)) socket.send(fragment);
    this.#viewers.add(socket);
    socket.on('close', () => this.#viewers.delete(socket));
  }

  /** As when the camera reconnects: its clock begins anew. */
  restart(): void {
    this.#startedAt = performance.now();
    this.#next = 0;
    this.#epoch++;
    for (const viewer of this.#viewers) this.#begin(viewer);
  }

  /** No frame comes until it is released; the last one stays on the screens. */
  hold(): void { this.#heldAt = performance.now(); }

  release(): void {
    this.#startedAt += performance.now() - this.#heldAt!;
    this.#heldAt = null;
  }

  get viewerCount(): number { return this.#viewers.size; }

  [Symbol.dispose](): void { clearInterval(this.#timer); }

  #begin(socket: WebSocket): void {
    const init: LiveInit = { type: 'init', camera_id: 'square', mime: MIME, width: WIDTH, height: HEIGHT, pts_origin_us: PTS_ORIGIN_US, epoch: this.#epoch };
    socket.send(JSON.stringify(init));
    socket.send(this.#init);
  }

  #tick(): void {
    if (this.#heldAt !== null) return;
    const due = (performance.now() - this.#startedAt) * FPS / 1000;
    while (this.#next < due) {
      if (this.#next === this.#fragments.length) return this.restart();
      for (const viewer of this.#viewers) viewer.send(this.#fragments[this.#next]!);
      this.#onFrame(this.#next++, this.#epoch);
    }
  }
}

const kept = join(import.meta.dirname, '../../../.cache');

/** Made once: the file is named by how it is made. */
function clipFile(): string {
  const how = [
    '-v', 'error', '-f', 'lavfi', '-i', `color=c=0x182028:s=${WIDTH}x${HEIGHT}:r=${FPS}:d=${SECONDS}`, '-f', 'lavfi', '-i', `color=c=white:s=${SQUARE}x${SQUARE}:r=${FPS}:d=${SECONDS}`,
    // The filter's n is 1 at the first frame.
    '-filter_complex', "overlay=x='40+mod((n-1)*4,480)':y='60+mod((n-1)*2,180)':eval=frame,format=yuv420p",
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-level', '3.0', '-g', String(GOP), '-keyint_min', String(GOP), '-threads', '1',
    '-movflags', 'empty_moov+default_base_moof+frag_every_frame', '-f', 'mp4',
  ];
  const file = join(kept, `square-${createHash('sha256').update(how.join(' ')).digest('hex').slice(0, 16)}.mp4`);
  if (existsSync(file)) return file;
  mkdirSync(kept, { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  execFileSync('ffmpeg', [...how, unfinished]);
  renameSync(unfinished, file);
  return file;
}

function makeClip(): { init: Buffer; fragments: Buffer[] } {
  const bytes = readFileSync(clipFile());
  const fragments: Buffer[] = [];
  let [init, fragmentStart] = [Buffer.alloc(0), 0];
  for (let offset = 0; offset < bytes.length;) {
    const [size, type] = [bytes.readUInt32BE(offset), bytes.toString('latin1', offset + 4, offset + 8)];
    if (type === 'moof') fragmentStart = offset;
    offset += size;
    if (type === 'moov') init = bytes.subarray(0, offset);
    if (type === 'mdat') fragments.push(bytes.subarray(fragmentStart, offset));
  }
  return { init, fragments };
}
