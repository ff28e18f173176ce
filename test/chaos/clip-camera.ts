// A camera that is one clip in an endless loop, served from this process, which therefore knows which picture was sent when. A
// picture is told by its last bytes, which neither RTSP nor MP4 changes; how far a recording got is then a matter of
// counting, not of what its dates say.
import { Demuxer } from 'node-av/api';
import { CLIP_FPS } from '../../bench/hd-clip.ts';
import { ClipSource, readClip, RtspServer, type Clip } from '../../packages/kernel/src/live/rtsp/index.ts';
import { NumberedSource } from './numbered-source.ts';

const MOUNT = 'camera';
const TAIL_BYTES = 48;

export class ClipCamera implements AsyncDisposable {
  readonly url: string;
  readonly #server: RtspServer;
  readonly #source: ClipSource;
  readonly #numbered: NumberedSource;
  readonly #indexOf: ReadonlyMap<string, number>;
  /** Place in the clip of the newest picture that was sent. */
  #newest = 0;

  private constructor(server: RtspServer, source: ClipSource, numbered: NumberedSource, clip: Clip) {
    this.url = server.url(MOUNT);
    this.#server = server;
    this.#source = source;
    this.#numbered = numbered;
    this.#indexOf = new Map(clip.units.map(({ nals }, index) => [tail(nals.at(-1)!), index]));
    source.subscribe(({ nals }) => { this.#newest = this.#indexOf.get(tail(nals.at(-1)!))!; });
  }

  /** `host`: where it listens; 127.0.0.1 unless told. */
  static async start(path: string, host?: string): Promise<ClipCamera> {
    const clip = await readClip(path);
    const source = new ClipSource(clip);
    const numbered = await NumberedSource.of(source);
    const server = await RtspServer.listen({ ...(host !== undefined && { host }), source: (mount) => mount === MOUNT ? numbered : null });
    return new ClipCamera(server, source, numbered, clip);
  }

  get newest(): number { return this.#newest; }

  /** Pictures that were sent in all; each tells its number (`numbersIn`). */
  get sent(): number { return this.#numbered.newest; }

  /** Seconds from the last picture of a file to the one that was `newest` at some time; less than the clip is long. */
  async behind(file: string, newest: number): Promise<number> {
    await using demuxer = await Demuxer.open(file);
    let last: string | null = null;
    for await (const packet of demuxer.packets(demuxer.video()!.index)) if (packet) last = tail(packet.data!);
    const index = last === null ? undefined : this.#indexOf.get(last);
    if (index === undefined) throw new Error(`${file} ends with a picture that is none of the clip's`);
    const pictures = this.#indexOf.size;
    const steps = (newest - index + pictures) % pictures;
    // Sent and recorded after `newest` was looked at.
    return steps > pictures / 2 ? 0 : steps / CLIP_FPS;
  }

  /** Pictures that lie between the first and the last of these files, in the order given, and are in none of them. */
  async missing(files: readonly string[]): Promise<{ pictures: number; missing: number }> {
    let [pictures, missing] = [0, 0];
    let before: number | null = null;
    for (const file of files) {
      await using demuxer = await Demuxer.open(file);
      for await (const packet of demuxer.packets(demuxer.video()!.index)) {
        const index: number | undefined = packet ? this.#indexOf.get(tail(packet.data!)) : undefined;
        if (index === undefined) continue;
        if (before !== null) missing += (index - before - 1 + this.#indexOf.size) % this.#indexOf.size;
        before = index;
        pictures++;
      }
    }
    return { pictures, missing };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#source[Symbol.dispose]();
    await this.#server.close();
  }
}

const tail = (data: Buffer): string => data.subarray(-TAIL_BYTES).toString('latin1');
