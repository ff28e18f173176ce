// A viewer of the console in a real browser, who notes of each frame on the screen when it was drawn at the camera. The notes
// are taken in the page, from its own video elements, whichever path feeds them.
import type { Browser, Page } from 'playwright-core';
import type { RunningRuth } from '../test/end-to-end/running-ruth.ts';
import { STAMP } from './models/stamp-reader/stamp.ts';

export type Path = 'webrtc' | 'mse';

/** Milliseconds. */
export interface ShownFrame { readonly path: Path; readonly drawnAt: number; readonly shownAt: number }

interface Notes {
  readonly frames: ShownFrame[];
  /** When the element of each path was made, and had its first picture on the screen; from the beginning of navigation. */
  readonly made: Partial<Record<Path, number>>;
  readonly first: Partial<Record<Path, number>>;
  unreadable: number;
  /** When the page was ready to receive over WebRTC. */
  readyMs?: number;
}

export interface ReceiverStats { readonly jitterBufferMs: number; readonly decodeMs: number; readonly packetsLost: number; readonly nacks: number; readonly plis: number; readonly freezes: number }

declare global {
  interface Window { ruthNotes: Notes; ruthConnections: RTCPeerConnection[] }
}

export class LiveViewer implements AsyncDisposable {
  readonly page: Page;
  private constructor(page: Page) { this.page = page; }

  /** Begins to open the console. `path`: what the user of this browser has chosen. */
  static async open(browser: Browser, ruth: RunningRuth, cameraId: string, path: Path | 'auto'): Promise<LiveViewer> {
    const context = await browser.newContext({ viewport: { width: 1400, height: 1000 } });
    await context.addCookies([await ruth.cookie()]);
    const page = await context.newPage();
    await page.addInitScript(takeNotes, { ...STAMP, key: `ruth.path.${cameraId}`, path });
    await page.goto(ruth.url, { waitUntil: 'commit' });
    return new LiveViewer(page);
  }

  /** Waits for the first picture of `path`; its time from the beginning of navigation, and from the player's own beginning. */
  async firstPicture(path?: Path): Promise<{ sinceNavigationMs: number; ofPlayerMs: number; sinceReadyMs: number }> {
    await this.page.waitForFunction((wanted) => (wanted === null ? Object.keys(window.ruthNotes.first).length > 0 : window.ruthNotes.first[wanted] !== undefined), path ?? null, { timeout: 60_000, polling: 50 });
    return this.page.evaluate((wanted) => {
      const { first, made, readyMs = Infinity } = window.ruthNotes;
      const shown = wanted ? first[wanted]! : Math.min(...Object.values(first));
      const player = wanted ? made[wanted]! : Math.min(...Object.values(made));
      return { sinceNavigationMs: shown, ofPlayerMs: shown - player, sinceReadyMs: shown - readyMs };
    }, path ?? null);
  }

  /** What was shown since the last call. */
  takeFrames(): Promise<ShownFrame[]> { return this.page.evaluate(() => window.ruthNotes.frames.splice(0)); }

  unreadable(): Promise<number> { return this.page.evaluate(() => window.ruthNotes.unreadable); }

  /** What the page says of its live video. */
  numbers(): Promise<{ delayMs: number; targetMs: number; lateMs: number; halts: number; dropped: number }> {
    return this.page.locator('.pictures').first().evaluate(({ dataset: { delayMs, targetMs, jitterMs, halts, dropped } }) => ({
      delayMs: Number(delayMs), targetMs: Number(targetMs), lateMs: Number(jitterMs), halts: Number(halts), dropped: Number(dropped),
    }));
  }

  async receiver(): Promise<ReceiverStats | null> {
    return this.page.evaluate(async () => {
      const connection = window.ruthConnections.at(-1);
      if (connection?.connectionState !== 'connected') return null;
      const entries = [...(await connection.getStats()).values() as Iterable<RTCInboundRtpStreamStats>].filter(({ type }) => type === 'inbound-rtp');
      // mediasoup's probing has an entry of its own.
      const entry = entries.sort((a, b) => (b.framesDecoded ?? 0) - (a.framesDecoded ?? 0))[0];
      if (!entry) return null;
      const each = (total: number | undefined, count: number | undefined): number => Math.round(10_000 * (total ?? 0) / Math.max(1, count ?? 0)) / 10;
      return {
        jitterBufferMs: each(entry.jitterBufferDelay, entry.jitterBufferEmittedCount), decodeMs: each(entry.totalDecodeTime, entry.framesDecoded),
        packetsLost: entry.packetsLost ?? 0, nacks: entry.nackCount ?? 0, plis: entry.pliCount ?? 0, freezes: entry.freezeCount ?? 0,
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.page.context().close(); }
}

/** Runs in the page, before its own scripts. */
function takeNotes(stamp: typeof STAMP & { key: string; path: string }): void {
  localStorage.setItem(stamp.key, JSON.stringify(stamp.path));
  const notes: Notes = window.ruthNotes = { frames: [], made: {}, first: {}, unreadable: 0 };
  window.ruthConnections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      window.ruthConnections.push(this);
    }
  };
  const canvas = new OffscreenCanvas(stamp.width, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  const bits = stamp.clockBits + stamp.checkBits;
  const read = (video: HTMLVideoElement): number | null => {
    context.drawImage(video, 0, stamp.rows / 2, stamp.width, 1, 0, 0, stamp.width, 1);
    const { data } = context.getImageData(0, 0, stamp.width, 1);
    let all = 0n;
    for (let index = 0; index < bits; index++) all = all << 1n | (data[(index + 0.5) * stamp.blockPixels * 4]! > 128 ? 1n : 0n);
    const clock = all >> BigInt(stamp.checkBits);
    let check = 0n;
    for (let shift = 0n; shift < 48n; shift += 8n) check = check + (clock >> shift & 0xffn) * 31n + 7n & 0xffn;
    return check === (all & 0xffn) ? Number(clock) : null;
  };
  const follow = (video: HTMLVideoElement, madeMs: number): void => {
    const told = (_now: number, frame: VideoFrameCallbackMetadata): void => {
      video.requestVideoFrameCallback(told);
      const path = video.srcObject ? 'webrtc' : 'mse';
      notes.made[path] ??= madeMs;
      notes.first[path] ??= frame.expectedDisplayTime;
      const drawnAt = video.videoWidth === stamp.width ? read(video) : null;
      if (drawnAt === null) notes.unreadable++;
      // By the clock that the camera read, too.
      else notes.frames.push({ path, drawnAt, shownAt: Date.now() + frame.expectedDisplayTime - performance.now() });
    };
    video.requestVideoFrameCallback(told);
  };
  const say = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'send')!.value as (this: WebSocket, data: string) => void;
  WebSocket.prototype.send = function (this: WebSocket, data: string): void {
    if (data === '{"type":"resume"}') notes.readyMs ??= performance.now();
    say.call(this, data);
  };
  const create = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = create(name, options);
    if (element instanceof HTMLVideoElement) follow(element, performance.now());
    return element;
  });
}
