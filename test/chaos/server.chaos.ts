// Kills the server again and again, at random moments, while core emits events and a page follows them. What core had emitted must be
// in the store, each event once, and the list of a page that stayed open must hold each once, too; the page's own code follows and
// lists here. RUTH_CHAOS_BLOWS (50) and RUTH_CHAOS_SEED repeat a run; DATABASE_URL tries a PostgreSQL of yours, an empty one.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CoreEvent, Detection, EventPage } from '@ruth/protocol';
import { followEvents, RecentEvents } from '@ruth/web';
import { WebSocket as Socket } from 'ws';
import { hdClip } from '../../bench/hd-clip.ts';
import type { Bench } from '../../bench/runner.ts';
import { ClipCamera } from './clip-camera.ts';
import { end, instantContainer, MODEL, quantile, saysReady, startCore } from './core-run.ts';
import { EventConsumer } from './event-consumer.ts';
import { KernelRun } from './kernel-run.ts';
import { seededRun } from './seeded-run.ts';

const CAMERAS = ['north', 'south'];
const PEOPLE = 20;
/** Frames for which they stay where they are: then they are others, elsewhere. */
const STAY_FRAMES = 24;
const PATIENCE_MS = 60_000;
/** For the last events to reach the store and the page. */
const SETTLE_MS = 3000;

export const bench: Bench = async (report) => {
  const { blows: wanted, seed, random } = seededRun(50);
  const clip = await hdClip(640, 360);
  const folder = mkdtempSync(join(tmpdir(), 'ruth-chaos-'));
  const rings = mkdtempSync('/dev/shm/ruth-chaos-');
  const place: Place = { folder, rings, port: await freePort(), token: randomBytes(24).toString('base64url') };
  const [readyMs, shownMs]: [number[], number[]] = [[], []];
  report(`seed ${seed}`);
  try {
    await using camera = await ClipCamera.start(clip.path);
    await using container = await instantContainer(folder, passersBy);
    void container;
    await using kernel = new KernelRun({ url: camera.url, cameraIds: CAMERAS, socketDirectory: folder, ringDirectory: rings, recordings: join(folder, 'recordings'), segmentS: 5 });
    await kernel.recording(Date.now() / 1000);
    using consumer = new EventConsumer(folder);
    const core = await startCore({ socketDirectory: folder, ringDirectory: rings, cameraIds: CAMERAS, desiredFps: 12 });
    let server = await startServer(place);
    try {
      using page = new Page(place);
      const shows = async (): Promise<void> => {
        const before = page.shown.size;
        for (const limit = performance.now() + PATIENCE_MS; page.shown.size === before; await delay(2)) if (performance.now() > limit) throw new Error('the page shows nothing new');
      };
      await shows();
      for (let blow = 1; blow <= wanted; blow++) {
        await delay(200 + random() * 1500);
        const struckMs = performance.now();
        await end(server, 'SIGKILL');
        server = await startServer(place);
        readyMs.push(performance.now() - struckMs);
        await shows();
        shownMs.push(performance.now() - struckMs);
        report(`blow ${blow} of ${wanted}: ready after ${Math.round(readyMs.at(-1)!)} ms, the page shows what is new after ${Math.round(shownMs.at(-1)!)} ms; ${page.shown.size} events shown`);
      }
      // No more comes: what is there now has time to reach the store and the page.
      await end(core, 'SIGTERM');
      await delay(SETTLE_MS);
      const emitted = new Map([...consumer.events.values()].map((text) => JSON.parse(text) as CoreEvent).filter(isKept).map((event) => [event.id, event]));
      const stored = await storedIds(place);
      const inStore = new Set(stored);
      const lost = [...emitted.keys()].filter((id) => !inStore.has(id));
      const missed = [...emitted.values()].filter((event) => isListed(event) && event.at > page.openedAtS && !page.shown.has(event.id));
      for (const id of lost) report(`  LOST: ${JSON.stringify(emitted.get(id)).slice(0, 160)}`);
      for (const event of missed) report(`  NOT SHOWN: ${JSON.stringify(event).slice(0, 160)}`);
      return {
        kills: readyMs.length, events_lost: lost.length, stored_twice: stored.length - inStore.size, duplicates_shown: page.twice, not_shown: missed.length,
        events: emitted.size, shown: page.shown.size, ready_p50_ms: quantile(readyMs, 0.5), ready_p95_ms: quantile(readyMs, 0.95), shows_again_p50_ms: quantile(shownMs, 0.5), shows_again_p95_ms: quantile(shownMs, 0.95),
        consumer_wrong: consumer.wrong.length, store: process.env.DATABASE_URL ? 'postgres' : 'sqlite', seed,
      };
    } finally {
      await end(core, 'SIGTERM');
      await end(server, 'SIGTERM');
    }
  } finally {
    for (const path of [folder, rings]) rmSync(path, { recursive: true, force: true });
  }
};

interface Place { readonly folder: string; readonly rings: string; readonly port: number; readonly token: string }

/** People who are elsewhere, and so others, about once a second: tracks begin and end all the time. */
function passersBy(frameId: number): Detection['bbox'][] {
  const step = Math.floor(frameId / STAY_FRAMES);
  return Array.from({ length: PEOPLE }, (_, person) => {
    const x = (step * 37 + person * 61) % 97 / 100;
    const y = (step * 53 + person * 29) % 89 / 100;
    return [x, y, x + 0.02, y + 0.04];
  });
}

const isKept = (event: CoreEvent): boolean => event.type !== 'detection' && event.type !== 'track.updated';
const isListed = (event: CoreEvent): boolean => isKept(event) && event.type !== 'occupancy' && 'model_id' in event && 'camera_id' in event;

async function startServer({ folder, rings, port, token }: Place): Promise<ChildProcess> {
  const server = spawn(process.execPath, [join(import.meta.dirname, '../../packages/server/src/main.ts'), '-c', '-'], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, RUTH_ADMIN_TOKEN: token } });
  server.stdin.on('error', () => undefined).end(JSON.stringify({
    paths: { socket_directory: folder, ring_directory: rings, data_directory: join(folder, 'data') }, log_level: 'info', http: { host: '127.0.0.1', port },
    cameras: CAMERAS.map((id) => ({ id, url: 'rtsp://127.0.0.1/1' })), models: [{ id: MODEL }], subscriptions: [],
  }));
  await saysReady(server);
  return server;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Of core's events in the store, as often as they are there. */
async function storedIds(place: Place): Promise<number[]> {
  const ids: number[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: EventPage = await ask(place, `events?limit=500${cursor === '' ? '' : `&cursor=${cursor}`}`);
    ids.push(...page.events.filter(({ source }) => source === 'core').map(({ event }) => event.id));
    cursor = page.next_cursor;
  }
  return ids;
}

async function ask<T>({ port, token }: Place, path: string): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return await response.json() as T;
}

/** What a page does with events, without what it draws. */
class Page implements Disposable {
  readonly openedAtS = Date.now() / 1000;
  /** Ids that its list ever held. */
  readonly shown = new Set<number>();
  /** Events that stood in the list more than once, or came back into it. */
  twice = 0;
  readonly #recent = new RecentEvents();
  readonly #unfollow: () => void;

  constructor(place: Place) {
    this.#recent.subscribe(() => {
      const ids = this.#recent.get().events.map(({ id }) => id);
      this.twice += ids.length - new Set(ids).size;
      for (const id of ids) this.shown.add(id);
    });
    const open = (address: string): WebSocket => new Socket(address, { headers: { authorization: `Bearer ${place.token}` } }).on('error', () => undefined) as unknown as WebSocket;
    this.#unfollow = followEvents(`ws://127.0.0.1:${place.port}/api/v1/live`, (event) => {
      if ('model_id' in event && 'camera_id' in event) this.#recent.push(event);
    }, () => undefined, open);
  }

  [Symbol.dispose](): void { this.#unfollow(); }
}
