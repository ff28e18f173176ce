// Real cameras and clips for tests: GStreamer's RTSP server in a process of its own, clips made by the system's ffmpeg.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const PYTHON = '/usr/bin/python3';
const PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";

/** Why no real camera can be had here; false where one can. */
export const noCamera: string | false =
  spawnSync(PYTHON, ['-c', PROBE]).status === 0 && spawnSync('ffmpeg', ['-version']).status === 0 ? false
    : 'needs a real camera: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad ffmpeg';

export interface ClipOptions {
  readonly codec?: 'libx264' | 'libx265';
  readonly size?: string;
  readonly seconds?: number;
  readonly gop?: number;
  /** A lavfi source without size; a moving test picture unless told. */
  readonly source?: string;
  readonly extra?: readonly string[];
}

export const ffmpeg = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-y', ...args])).stderr;

/** Clips of one test file; gone with it. */
export class Clips implements AsyncDisposable {
  readonly directory: string;
  private constructor(directory: string) { this.directory = directory; }

  static async open(): Promise<Clips> { return new Clips(await mkdtemp(`${tmpdir()}/ruth-clips-`)); }

  /** A moving test picture at 25 fps without B-frames; a keyframe a second unless told. */
  async make(name: string, { codec = 'libx264', size = '320x240', seconds = 60, gop = 25, source = 'testsrc2=', extra = [] }: ClipOptions = {}): Promise<string> {
    const path = `${this.directory}/${name}`;
    const own = codec === 'libx265' ? ['-x265-params', `log-level=none:bframes=0:keyint=${gop}:min-keyint=${gop}:scenecut=0`] : ['-bf', '0', '-g', String(gop), '-sc_threshold', '0'];
    await ffmpeg('-f', 'lavfi', '-i', `${source}${source.endsWith('=') ? '' : ':'}s=${size}:r=25`, '-t', String(seconds), '-c:v', codec, '-preset', 'ultrafast', ...own, '-pix_fmt', 'yuv420p', ...extra, path);
    return path;
  }

  /** One stream that changes its resolution from 320x240 to 480x272 after eight seconds. */
  async makeSizes(): Promise<string> {
    const parts = [await this.make('small.mp4', { seconds: 8 }), await this.make('large.mp4', { size: '480x272', seconds: 40 })];
    const streams = parts.map((part) => part.replace('.mp4', '.ts'));
    for (const [index, part] of parts.entries()) await ffmpeg('-i', part, '-c', 'copy', '-output_ts_offset', String(index * 8), '-muxdelay', '0', '-muxpreload', '0', streams[index]!);
    const path = `${this.directory}/sizes.ts`;
    await writeFile(path, Buffer.concat(await Promise.all(streams.map((stream) => readFile(stream)))));
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> { await rm(this.directory, { recursive: true, force: true }); }
}

const pay = { h264: 'h264parse ! rtph264pay name=pay0 config-interval=-1', h265: 'h265parse ! rtph265pay name=pay0 config-interval=-1' };
export const launch = {
  h264: (clip: string): string => `filesrc location=${clip} ! qtdemux ! ${pay.h264}`,
  h265: (clip: string): string => `filesrc location=${clip} ! qtdemux ! ${pay.h265}`,
  /** An MPEG transport stream. */
  transportStream: (clip: string): string => `filesrc location=${clip} ! tsdemux ! ${pay.h264}`,
  audio: 'audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0',
  motionJpeg: 'videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120 ! jpegenc ! rtpjpegpay name=pay0',
};

export interface CameraOptions {
  /** 0 picks one. */
  readonly port?: number;
  readonly credentials?: string;
}

export class RealCamera implements AsyncDisposable {
  readonly port: number;
  readonly #process: ReturnType<typeof spawn>;

  private constructor(process: ReturnType<typeof spawn>, port: number) {
    this.#process = process;
    this.port = port;
  }

  static async start(mounts: Readonly<Record<string, string>>, { port = 0, credentials }: CameraOptions = {}): Promise<RealCamera> {
    const address = credentials === undefined ? String(port) : `${port}@${credentials}`;
    const script = new URL('rtsp-camera.py', import.meta.url).pathname;
    const process = spawn(PYTHON, [script, address, ...Object.entries(mounts).map(([mount, text]) => `/${mount}=${text}`)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaint = '';
    process.stderr.on('data', (chunk: Buffer) => { complaint += chunk.toString(); });
    for await (const line of createInterface({ input: process.stdout })) {
      const ready = /^ready (\d+)$/.exec(line);
      if (ready) return new RealCamera(process, Number(ready[1]));
    }
    throw new Error(`the camera did not start: ${complaint}`);
  }

  url(mount: string, credentials?: string): string {
    return `rtsp://${credentials === undefined ? '' : `${credentials}@`}127.0.0.1:${this.port}/${mount}`;
  }

  /** Holds the camera still, its connections open. */
  freeze(): void { this.#process.kill('SIGSTOP'); }
  thaw(): void { this.#process.kill('SIGCONT'); }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }
}
