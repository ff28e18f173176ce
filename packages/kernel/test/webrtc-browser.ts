// A real Chromium that reaches a kernel's Unix socket, for the WebRTC tests.
import { accessSync, existsSync, constants } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { pipeline } from 'node:stream';
import { once } from 'node:events';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';
import { workerBin } from 'mediasoup';
import type { ruth as Ruth, Seen } from './webrtc-page.ts';

declare const ruth: typeof Ruth;

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'];
const PAGE = 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<!doctype html><body></body>';
const LOOK_INTERVAL_MS = 50;
const WAIT_LIMIT_MS = 90_000;

/** Why WebRTC cannot be tested here; false where it can. */
export function noWebRtc(): string | false {
  if (!existsSync(CHROMIUM)) return 'needs Debian\'s chromium: apt-get install chromium';
  try {
    accessSync(workerBin, constants.X_OK);
    return false;
  } catch {
    return 'needs mediasoup\'s worker: npm run setup -- --for-tests makes it';
  }
}

/** The whole of a page's script, mediasoup-client in it. */
async function bundle(): Promise<string> {
  const result = await build({
    configFile: false, logLevel: 'error', root: import.meta.dirname,
    build: { write: false, minify: false, lib: { entry: 'webrtc-page.ts', formats: ['iife'], name: 'page' } },
  });
  const output = (Array.isArray(result) ? result : [result])[0] as { output: { type: string; code?: string }[] };
  return output.output.find(({ type }) => type === 'chunk')!.code!;
}

export class WebRtcBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #door: Server;
  readonly #script: string;
  readonly address: string;

  private constructor(browser: Browser, door: Server, script: string) {
    this.#browser = browser;
    this.#door = door;
    this.#script = script;
    this.address = `http://127.0.0.1:${(door.address() as AddressInfo).port}`;
  }

  /** `socketPath`: of what is watched. */
  static async start(socketPath: string): Promise<WebRtcBrowser> {
    const door = createServer((socket) => {
      socket.once('data', (first) => {
        if (first.toString('latin1').startsWith('GET /page ')) return socket.end(PAGE);
        const kernel = connect(socketPath);
        kernel.write(first);
        pipeline(socket, kernel, socket, () => undefined);
      });
      socket.on('error', () => socket.destroy());
    });
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    const [browser, script] = await Promise.all([chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: WAIT_LIMIT_MS }), bundle()]);
    return new WebRtcBrowser(browser, door, script);
  }

  async page(): Promise<WatchingPage> {
    const page = await this.#browser.newPage();
    page.setDefaultTimeout(WAIT_LIMIT_MS);
    await page.goto(`${this.address}/page`);
    await page.addScriptTag({ content: this.#script });
    return new WatchingPage(page);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    this.#door.close();
  }
}

export class WatchingPage {
  readonly page: Page;
  constructor(page: Page) { this.page = page; }

  /** `cameras`: under which address they are. */
  watch(cameraId: string, protocol?: 'udp' | 'tcp', cameras = '/v1/cameras'): Promise<number> {
    return this.page.evaluate(([path, way]) => ruth.watch(path, way), [`${cameras}/${cameraId}/webrtc`, protocol] as const);
  }

  whep(cameraId: string, options: { protocol?: 'udp' | 'tcp'; audioFirst?: boolean } = {}, cameras = '/v1/cameras'): ReturnType<typeof Ruth.whep> {
    return this.page.evaluate(([path, way]) => ruth.whep(path, way), [`${cameras}/${cameraId}/whep`, options] as const);
  }

  see(viewer: number): Promise<Seen> { return this.page.evaluate((index) => ruth.see(index), viewer); }

  /** Waits until the viewer has decoded `frames` more than it has, and says what it sees. */
  async sees(viewer: number, frames = 10): Promise<Seen> {
    const before = (await this.see(viewer)).frames;
    return this.until(() => this.see(viewer), (seen) => seen.frames >= before + frames && seen.width > 0 && seen.protocol !== null, 'the viewer sees pictures');
  }

  async until<T>(look: () => Promise<T>, wanted: (value: T) => boolean, what: string): Promise<T> {
    const endMs = performance.now() + WAIT_LIMIT_MS;
    for (;;) {
      const value = await look();
      if (wanted(value)) return value;
      if (performance.now() > endMs) throw new Error(`waited in vain: ${what}; it is ${JSON.stringify(value)}`);
      await this.page.waitForTimeout(LOOK_INTERVAL_MS);
    }
  }

  /** Its process ends in the midst of it: nothing says goodbye. */
  async crash(): Promise<void> {
    const crashed = this.page.waitForEvent('crash');
    this.page.goto('chrome://crash').catch(() => undefined);
    await crashed;
  }

  closed(viewer: number): Promise<{ code: number; reason: string } | null> { return this.page.evaluate((index) => ruth.viewers[index]!.closed, viewer); }
}
