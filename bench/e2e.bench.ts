// From what a camera sees to what its viewer is told: a live camera draws the wall clock into its pictures (720p25, x264 zerolatency);
// all of Ruth runs as its user runs it; Chromium shows the console, and the page's own WebSocket is listened to. All on one machine,
// so one clock. Two models look five times a second: the built-in detector, a real network, and one that reads the clock out of the
// picture, by which the drawing of every frame is known. `p50_ms`, `p95_ms`: of the detector's looks, from drawing to the message in the
// page, less the time inside inference itself. `event_...`: of events that came of what was seen (somebody entered a zone), likewise.
// Drawing and encoding at the camera count. Beside them where the time of a look goes, as medians of what each part says of itself.
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { LOOK_STAGES, type CoreEvent, type Look, type LookStage, type SubscriptionStatus } from '@ruth/protocol';
import { launchBrowser } from '../packages/web/test/browser.ts';
import { RunningRuth } from '../test/end-to-end/running-ruth.ts';
import { quantile } from './quantile.ts';
import type { Bench } from './runner.ts';
import { StampedCamera } from './running-stamped-camera.ts';
import { STAMP } from './models/stamp-reader/stamp.ts';

const CAMERA = 'stamped';
const READER = 'stamp-reader';
const DETECTOR = 'centernet-coco';
const LOOKS_A_SECOND = 5;
/** Models load, the player settles. */
const SETTLE_MS = 8000;
const WATCH_MS = 40_000;

interface Told { readonly event: CoreEvent; readonly receivedMs: number }
interface MeasuredLook { readonly look: Look; readonly totalMs: number; readonly inferenceMs: number; readonly arrivedMs: number }

export const bench: Bench = async (report) => {
  await using camera = await StampedCamera.start();
  await using ruth = await RunningRuth.start(['up'], {
    cameras: [{ id: CAMERA, url: camera.url, zones: [{ id: 'right', polygon: [[0.5, 0.01], [0.99, 0.01], [0.99, 0.99], [0.5, 0.99]] }] }],
    models: [{ id: DETECTOR }, { id: READER, folder: join(import.meta.dirname, 'models', READER) }],
    subscriptions: [DETECTOR, READER].map((model) => ({ camera: CAMERA, model, desired_fps: LOOKS_A_SECOND })),
  });
  const browser = await launchBrowser();
  try {
    const subscriptions = () => ruth.get<SubscriptionStatus[]>('/api/v1/subscriptions');
    await ruth.until('both models look', async () => (await subscriptions()).filter(({ answered }) => answered > LOOKS_A_SECOND).length === 2);
    const told = await listenIn(browser, ruth, async () => { camera.encodeMs.length = 0; });
    const looks = told.flatMap(({ event, receivedMs }) => (event.type === 'detection' && event.look.error === null ? [{ look: event.look, receivedMs }] : []));
    const read = looks.flatMap(({ look }) => (drawnAt(look) === null ? [] : [{ ptsMs: look.pts_us / 1000, drawnMs: drawnAt(look)! }]));
    if (read.length === 0) throw new Error('no clock was read');
    // A camera that is late for a moment draws late, too: the clock that was read nearest to a frame tells its own.
    const drawnMs = ({ pts_us }: Look): number => {
      const near = read.reduce((best, each) => (Math.abs(each.ptsMs - pts_us / 1000) < Math.abs(best.ptsMs - pts_us / 1000) ? each : best));
      return near.drawnMs + pts_us / 1000 - near.ptsMs;
    };
    const of = (model: string): MeasuredLook[] => looks.filter(({ look }) => look.model_id === model).map(({ look, receivedMs }) => ({
      look, totalMs: receivedMs - drawnMs(look), inferenceMs: look.metadata.inference_time_ms ?? 0, arrivedMs: look.captured_at * 1000 - drawnMs(look),
    }));
    const detector = of(DETECTOR);
    const byFrame = new Map(looks.map(({ look }) => [`${look.model_id} ${look.frame_id}`, look]));
    const events = told.flatMap(({ event, receivedMs }) => {
      const look = event.type === 'zone.entered' ? byFrame.get(`${event.model_id} ${event.frame_id}`) : undefined;
      return look ? [receivedMs - drawnMs(look) - (look.metadata.inference_time_ms ?? 0)] : [];
    });
    const status = (await subscriptions()).find(({ model_id }) => model_id === DETECTOR)!;
    const stage = (name: LookStage): number => Number((status.stages_ms?.[name].p50 ?? NaN).toFixed(1));
    const stages = Object.fromEntries(LOOK_STAGES.map((name) => [`${name}_p50_ms`, stage(name)]));
    const withoutInference = detector.map(({ totalMs, inferenceMs }) => totalMs - inferenceMs);
    const inCoreMs = LOOK_STAGES.reduce((sum, name) => sum + stage(name), 0);
    report(`${detector.length} looks of ${DETECTOR}: ${withoutInference.map((ms) => ms.toFixed(0)).join(' ')}`);
    return {
      p50_ms: quantile(withoutInference, 0.5), p95_ms: quantile(withoutInference, 0.95), looks: detector.length,
      event_p50_ms: quantile(events, 0.5), event_p95_ms: quantile(events, 0.95), events: events.length,
      whole_p50_ms: quantile(detector.map(({ totalMs }) => totalMs), 0.5), inference_p50_ms: quantile(detector.map(({ inferenceMs }) => inferenceMs), 0.5),
      reader_p50_ms: quantile(of(READER).map(({ totalMs, inferenceMs }) => totalMs - inferenceMs), 0.5), reader_p95_ms: quantile(of(READER).map(({ totalMs, inferenceMs }) => totalMs - inferenceMs), 0.95),
      encode_p50_ms: quantile(camera.encodeMs, 0.5), drawn_to_arrived_p50_ms: quantile(detector.map(({ arrivedMs }) => arrivedMs), 0.5), ...stages,
      emitted_to_page_p50_ms: Number((quantile(detector.map(({ totalMs, arrivedMs }) => totalMs - arrivedMs), 0.5)! - inCoreMs).toFixed(1)),
      achieved_fps: status.achieved_fps, picture: `${STAMP.width}x${STAMP.height}p${STAMP.fps}`, model: DETECTOR,
    };
  } finally {
    await browser.close();
  }
};

function drawnAt({ model_id, detections: [clock] }: Look): number | null {
  const drawn = clock?.attributes?.drawn_at_ms;
  return model_id === READER && typeof drawn === 'number' ? drawn : null;
}

/** What the page's own WebSocket brings while its console shows the camera, each message with when it came. */
async function listenIn(browser: Browser, ruth: RunningRuth, onBegin: () => Promise<void>): Promise<Told[]> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  await context.addCookies([await ruth.cookie()]);
  const page = await context.newPage();
  await page.addInitScript(() => {
    const notes: [string, number][] = [];
    Object.assign(globalThis, { toldNotes: notes });
    const Original = globalThis.WebSocket;
    globalThis.WebSocket = class extends Original {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        if (String(url).endsWith('/api/v1/live')) this.addEventListener('message', ({ data }) => { if (typeof data === 'string') notes.push([data, performance.timeOrigin + performance.now()]); });
      }
    };
  });
  const take = () => page.evaluate(() => (globalThis as unknown as { toldNotes: [string, number][] }).toldNotes.splice(0));
  await page.goto(ruth.url);
  await page.locator('.tile[data-state="live"]').waitFor({ timeout: 30_000 });
  await delay(SETTLE_MS);
  await take();
  await onBegin();
  await delay(WATCH_MS);
  return (await take()).map(([text, receivedMs]) => ({ event: JSON.parse(text) as CoreEvent, receivedMs }));
}
