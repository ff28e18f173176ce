// The page's recordings as a person uses them: a real camera that fails for a while, the kernel that records it, the server,
// and the real page in a real browser.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Kernel } from '@ruth/kernel';
import { parseSettings, type CopiesStatus, type RecordingGap, type Timeline, type Verification } from '@ruth/protocol';
import { startServer, type RunningServer } from '@ruth/server';
import { createLogger } from '@ruth/transport';
import type { Browser, Page } from 'playwright-core';
import { Clips, launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { until } from '../../packages/kernel/test/test-kernel.ts';
import { accessibilityProblems, browserMissing, buildPage, launchBrowser, openPage, WAIT } from '../../packages/web/test/browser.ts';
import { picture } from '../../packages/web/test/page-suite.ts';
import { KEY, openStorage } from '../../packages/copier/test/storage.ts';
import { everyone } from '../../packages/server/test/stand-ins.ts';

const STILL_MS = 500;
const options = { skip: noCamera || browserMissing(), timeout: 300_000 };
const logger = createLogger('test', 'silent');

const stack = new AsyncDisposableStack();
let server: RunningServer;
let folder: string;
let browser: Browser;
let recordings: string;

const timeline = async (): Promise<Timeline> => {
  const now = Date.now() / 1000;
  const response = await fetch(`${server.url}/api/v1/cameras/front/timeline?start=${now - 3600}&end=${now + 60}`);
  return await response.json() as Timeline;
};

before(async () => {
  if (options.skip !== false) return;
  const clips = stack.use(await Clips.open());
  const clip = await clips.make('camera.mp4', { seconds: 120 });
  folder = await mkdtemp(`${tmpdir()}/ruth-page-`);
  const rings = await mkdtemp('/dev/shm/ruth-test-');
  recordings = join(folder, 'recordings');
  stack.defer(async () => { for (const path of [folder, rings]) await rm(path, { recursive: true, force: true }); });
  let camera = await RealCamera.start({ front: launch.h264(clip) });
  stack.defer(() => camera[Symbol.asyncDispose]());
  const yard = stack.use(await RealCamera.start({ yard: launch.h264(clip) }));
  const settings = parseSettings(JSON.stringify({
    paths: { socket_directory: folder, ring_directory: rings }, models: [], live: { webrtc: { active: false } },
    recording: { directory: recordings, segment_s: 3, min_free_gb: 0 },
    cameras: [
      { id: 'front', name: 'Front door', url: camera.url('front'), stall_timeout_ms: 1000 },
      { id: 'yard', name: 'Yard', url: yard.url('yard') },
      { id: 'back', name: 'Back door', url: 'rtsp://127.0.0.1:9/none', recording: { active: false } },
    ],
  }), 'test');
  const kernel = await Kernel.start({ settings, logger });
  stack.defer(() => kernel.close());
  const page = await buildPage();
  server = stack.use(await startServer({ host: '127.0.0.1', port: 0, socketDirectory: folder, models: [], pageDirectory: page.directory, identify: async () => everyone, copies: true, store: { kind: 'sqlite', file: `${folder}/ruth.sqlite` }, logger }));
  browser = await launchBrowser();
  stack.defer(() => browser.close());
  // Recorded, then away, then recorded again.
  await until(timeline, ({ spans }) => spans.length > 0 && spans[0]!.end - spans[0]!.start > 6, 'the camera is recorded');
  const { port } = camera;
  await camera[Symbol.asyncDispose]();
  await until(() => kernel.camera('front'), ({ state }) => state !== 'streaming', 'the camera is missed');
  camera = await RealCamera.start({ front: launch.h264(clip) }, { port });
  await until(timeline, ({ spans }) => spans.length > 1 && spans[1]!.end - spans[1]!.start > 6, 'the camera is recorded again');
}, { timeout: 240_000 });
after(() => stack.disposeAsync());

const open = (address: string, viewport?: { width: number; height: number }, scheme?: 'light' | 'dark') => openPage(browser, `${server.url}/${address}`, viewport, scheme);

/** When the frame on the screen was recorded, once that is as wanted. */
async function shown(page: Page, wanted: (atS: number) => boolean, what: string): Promise<number> {
  return until(async () => Number(await page.locator('.shown-at').getAttribute('data-shown-at')), (atS) => atS > 0 && wanted(atS), what);
}

test('recordings play from any time and across a gap, which the timeline shows with its cause', options, async () => {
  const { spans, gaps } = await timeline();
  const [first, second] = [spans[0]!, spans[1]!];
  await using opened = await open(`#/recordings/front?at=${(first.start + 2).toFixed(3)}`);
  const { page, problems } = opened;
  // Frames are 40 ms apart; one is shown until the next.
  await shown(page, (atS) => Math.abs(atS - first.start - 2) < 0.09, 'the frame that the address names');
  assert.equal(await page.locator('.recordings').getAttribute('data-status'), 'paused');
  await page.locator(`.timeline rect.gap[data-cause="${gaps[0]!.cause}"]`).first().waitFor({ ...WAIT, state: 'attached' });

  const before = await shown(page, () => true, 'a frame');
  await page.keyboard.press('.');
  const next = await shown(page, (atS) => atS !== before, 'the next frame');
  assert.ok(Math.abs(next - before - 0.04) < 0.01, `one frame on from ${before} is ${next}`);
  await page.keyboard.press(',');
  const back = await shown(page, (atS) => atS !== next, 'the frame before');
  assert.ok(Math.abs(back - before) < 0.01, `one frame back from ${next} is ${back}, not ${before}`);
  // Faster than the browser shows them: none is lost.
  for (let presses = 0; presses < 5; presses++) await page.keyboard.press('.');
  await shown(page, (atS) => Math.abs(atS - before - 0.2) < 0.01, 'five frames on');

  await page.keyboard.press('Space');
  await shown(page, (atS) => atS > second.start + 0.5, 'playback across the gap');
  await page.getByRole('region', { name: 'Gaps' }).getByRole('button').last().click();
  await shown(page, (atS) => atS < first.end, 'the seconds before the gap');
  // Nothing but the timeline is told anew: it must not bring back what was wished before.
  await page.route(/\/api\/v1\/(health|cameras|models|subscriptions)$/, () => undefined);
  await page.getByRole('slider').focus();
  await page.keyboard.press('Home');
  await shown(page, (atS) => atS < first.start + 2, 'the first that is recorded');
  const wished = new URL(page.url()).hash;
  for (let answers = 0; answers < 2; answers++) await page.waitForResponse(/\/timeline\?/, WAIT);
  await page.evaluate(() => new Promise(requestAnimationFrame));
  assert.equal(new URL(page.url()).hash, wished);
  assert.deepEqual(problems, []);
});

/** What is kept lies in a bucket too, as it lies here: the copier runs beside the node, as `ruth up` runs it. */
async function seeCopies(): Promise<void> {
  await using buckets = await openStorage();
  const settings = { paths: { socket_directory: folder }, recording: { directory: recordings }, copies: buckets.config };
  const copier = spawn(process.execPath, [join(import.meta.dirname, '../../packages/copier/src/main.ts'), '-c', '-'], { env: { ...process.env, SECRET: KEY }, stdio: ['pipe', 'inherit', 'inherit'] });
  try {
    copier.stdin.end(JSON.stringify(settings));
    const copies = async (): Promise<Partial<CopiesStatus>> => await (await fetch(`${server.url}/api/v1/copies`)).json() as Partial<CopiesStatus>;
    const { copied_files: count } = await until(copies, ({ state, copied_files: files = 0 }) => state === 'ok' && files > 0, 'what is kept is copied');
    const names = await buckets.names();
    assert.equal(names.length, count);
    for (const name of names) {
      const [, camera, file] = /^(front)\/\d{4}-\d\d-\d\d\/\d\d\/(\d+\.mp4)$/.exec(name)!;
      const here = Buffer.from(await (await fetch(`${server.url}/api/v1/cameras/${camera}/segments/${file}`)).arrayBuffer());
      assert.ok(here.length > 1000 && here.equals(await buckets.read(name)), `${name} is there as it is here`);
    }
  } finally {
    const ended = once(copier, 'exit');
    copier.kill();
    assert.deepEqual(await ended, [0, null]);
  }
}

test('a span is marked, kept and exported, and a picture saved', options, async () => {
  const { spans: [first] } = await timeline();
  await using opened = await open(`#/recordings/front?at=${(first!.start + 1).toFixed(3)}`);
  const { page, problems } = opened;
  const startS = await shown(page, () => true, 'a frame');
  await page.keyboard.press('i');
  for (let frames = 0, atS = startS; frames < 30; frames++) {
    await page.keyboard.press('.');
    atS = await shown(page, (now) => now > atS, 'the next frame');
  }
  await page.keyboard.press('o');
  await page.getByRole('button', { name: 'Keep', exact: true }).click();
  await page.getByRole('button', { name: 'Stop keeping' }).waitFor(WAIT);
  assert.ok((await timeline()).spans.some(({ start, kept }) => kept && start <= startS + 0.1), 'the span is kept');
  await seeCopies();

  await page.getByRole('button', { name: 'Export MP4' }).click();
  const link = page.getByRole('link', { name: /^Download/ });
  await link.waitFor(WAIT);
  const downloading = page.waitForEvent('download', WAIT);
  await link.click();
  const download = await downloading;
  assert.match(download.suggestedFilename(), /front.*\.mp4$/);
  const size = await page.evaluate(async (path) => {
    const video = document.createElement('video');
    video.src = path;
    await new Promise((resolve, reject) => { video.onloadedmetadata = resolve; video.onerror = () => reject(new Error('the export does not play')); });
    return { width: video.videoWidth, durationS: video.duration };
  }, await link.getAttribute('href') ?? '');
  assert.equal(size.width, 320);
  assert.ok(size.durationS > 1, `the export lasts ${size.durationS} s`);
  await page.getByRole('button', { name: 'Remove' }).click();
  await link.waitFor({ ...WAIT, state: 'detached' });

  const picture = await page.evaluate(async (path) => {
    const response = await fetch(path);
    return { type: response.headers.get('content-type'), bytes: (await response.arrayBuffer()).byteLength };
  }, await page.getByRole('link', { name: /Save this picture/ }).getAttribute('href') ?? '');
  assert.equal(picture.type, 'image/jpeg');
  assert.ok(picture.bytes > 1000);
  assert.deepEqual(problems, []);
});

/** How far the frames of both cameras that are on the screen lie apart, seconds: the middle one of two seconds' looks. */
async function apart(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const differences: number[] = [];
    for (let looks = 0; looks < 20; looks++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const [front, yard] = ['front', 'yard'].map((id) => Number(document.querySelector<HTMLElement>(`.step-tile[data-camera-id="${id}"]`)!.dataset.shownAt));
      differences.push(Math.abs(front! - yard!));
    }
    return differences.toSorted((a, b) => a - b)[10]!;
  });
}

test('several cameras play on one clock; one that is in a gap says why while the other goes on', options, async (context) => {
  const [gap] = (await timeline()).gaps as [RecordingGap];
  const gapEndS = gap.end!;
  await using opened = await open(`#/recordings/front,yard,back?at=${(gap.start - 4).toFixed(3)}`);
  const { page, problems } = opened;
  const tile = (id: string) => page.locator(`.step-tile[data-camera-id="${id}"]`);
  const shownOf = async (id: string): Promise<number> => Number(await tile(id).getAttribute('data-shown-at'));
  for (const id of ['front', 'yard']) await until(() => shownOf(id), (atS) => Math.abs(atS - gap.start + 4) < 0.09, `the frame of ${id} that the address names`);
  await tile('back').getByText('Not recorded', { exact: true }).waitFor(WAIT);
  assert.deepEqual(await accessibilityProblems(page), []);

  await page.keyboard.press('Space');
  // Two frames.
  const playing = await until(() => apart(page), (differenceS) => differenceS < 0.081, 'both play in step');
  await tile('front').getByText(gap.cause === 'camera_stalled' ? 'Camera stalled' : 'Camera down').waitFor(WAIT);
  const atGapS = await shownOf('yard');
  await picture(page, 'recordings-in-step');
  await until(() => shownOf('yard'), (atS) => atS > Math.max(atGapS, gap.start) + 0.5, 'the other one goes on');
  await page.getByRole('button', { name: '2\u00d7' }).click();
  await until(() => shownOf('front'), (atS) => atS > gapEndS + 0.5, 'it is back when the gap ends');
  const again = await until(() => apart(page), (differenceS) => differenceS < 0.081, 'both play in step again, twice as fast');
  context.diagnostic(`apart in the middle: ${(playing * 1000).toFixed(0)} ms, after the gap at twice the speed ${(again * 1000).toFixed(0)} ms`);

  await page.keyboard.press('Space');
  await page.locator('.recordings[data-status="paused"]').waitFor(WAIT);
  const together = async (): Promise<{ front: number; yard: number }> => ({ front: await shownOf('front'), yard: await shownOf('yard') });
  let before = { front: 0, yard: 0 };
  let sinceMs = performance.now();
  // Frames that were decoded before it stopped may still come onto the screen.
  const stopped = await until(together, (now) => {
    if (now.front !== before.front || now.yard !== before.yard) sinceMs = performance.now();
    before = now;
    return performance.now() - sinceMs > STILL_MS && Math.abs(now.front - now.yard) < 0.041;
  }, 'stopped at the same frame');
  await page.keyboard.press('.');
  // Frames of the two were not taken at the same instants: the one that leads goes on by one, the other as far as is right then.
  await until(together, ({ front, yard }) => Math.abs(Math.max(front - stopped.front, yard - stopped.yard) - 0.04) < 0.01 && Math.abs(front - yard) < 0.041, `one frame on from ${JSON.stringify(stopped)}`);
  assert.match(page.url(), /#\/recordings\/front,yard,back\?at=/);
  await page.getByRole('button', { name: '3 cameras in step' }).click();
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.getByRole('switch', { name: 'Yard' }).click();
  await page.getByRole('switch', { name: 'Back door' }).click();
  await page.getByRole('button', { name: 'Show it' }).click();
  await page.locator('.recordings[data-camera-id="front"]').waitFor(WAIT);
  assert.deepEqual(problems, []);

  await using phone = await open(`#/recordings/front,yard,back?at=${(gapEndS + 1).toFixed(3)}`, { width: 390, height: 844 }, 'dark');
  await phone.page.locator('.step-tile[data-camera-id="yard"][data-status="paused"]').waitFor(WAIT);
  assert.deepEqual(await accessibilityProblems(phone.page), []);
  await picture(phone.page, 'recordings-in-step-phone');
});

test('from the live picture one goes back in time and forth to live again, in the same place', options, async () => {
  const [gap] = (await timeline()).gaps as [RecordingGap];
  await using opened = await open('#/live/front');
  const { page, problems } = opened;
  const live = page.locator('.focus[data-state="live"]');
  const recorded = page.locator('.badge[data-state="recorded"]');
  await live.waitFor(WAIT);
  const slider = page.getByRole('region', { name: 'Back in time' }).getByRole('slider');
  await slider.focus();
  await page.keyboard.press('Home');
  await recorded.waitFor(WAIT);
  await shown(page, (atS) => atS < gap.start, 'what was recorded first');
  assert.match(page.url(), /#\/live\/front\?at=/);
  assert.deepEqual(await accessibilityProblems(page), []);
  await picture(page, 'live-past');
  // The playhead is dragged over the gap, far enough from the present.
  const { spans } = await timeline();
  const track = (await slider.boundingBox())!;
  const head = (await page.locator('.playhead line').boundingBox())!;
  const [startS, spanS] = [Number(await slider.getAttribute('aria-valuemin')), Number(await slider.getAttribute('data-span-s'))];
  const afterGapS = (gap.end! + Math.min(gap.end! + 60, spans.at(-1)!.end)) / 2;
  await page.mouse.move(head.x, track.y + 40);
  await page.mouse.down();
  await page.mouse.move(track.x + (afterGapS - startS) / spanS * track.width, track.y + 40, { steps: 8 });
  await page.mouse.up();
  await shown(page, (atS) => atS > gap.end!, 'what is under the playhead');
  await page.getByRole('button', { name: 'Live', exact: true }).click();
  await live.waitFor(WAIT);
  await recorded.waitFor({ ...WAIT, state: 'detached' });
  assert.match(page.url(), /#\/live\/front$/);
  await page.goBack();
  await recorded.waitFor(WAIT);
  await page.keyboard.press('l');
  await live.waitFor(WAIT);
  assert.deepEqual(problems, []);
});

test('a camera that is not recorded says so, and what to do', options, async () => {
  await using opened = await open('#/recordings/back');
  await opened.page.getByRole('heading', { name: 'Back door is not recorded' }).waitFor(WAIT);
  await opened.page.getByLabel('Camera', { exact: true }).selectOption('front');
  const view = opened.page.locator('.recordings[data-camera-id="front"]');
  await view.waitFor(WAIT);
  await until(() => view.getAttribute('data-status'), (status) => status === 'paused', 'the other camera shows a picture');
});

test('the live view says that the camera is recorded, which way its video comes, and why', options, async () => {
  await using opened = await open('');
  const { page } = opened;
  const tile = page.locator('[data-camera-id="front"]');
  await tile.locator('[data-recording="recording"]').waitFor(WAIT);
  const path = tile.locator('.path[data-path="mse"]');
  await path.waitFor(WAIT);
  await page.waitForFunction(() => /there is no WebRTC/.test(document.querySelector<HTMLElement>('[data-camera-id="front"] .path')?.title ?? ''), undefined, WAIT);
  await tile.getByRole('button', { name: 'Details' }).click();
  await tile.getByText('Keyframe every').waitFor(WAIT);
  await tile.getByRole('button', { name: 'MSE', exact: true }).click();
  await page.waitForFunction(() => /as you chose/.test(document.querySelector<HTMLElement>('[data-camera-id="front"] .path')?.title ?? ''), undefined, WAIT);
  await page.reload();
  await page.waitForFunction(() => /as you chose/.test(document.querySelector<HTMLElement>('[data-camera-id="front"] .path')?.title ?? ''), undefined, WAIT);
});

test('recordings are verified: how far it is, what is damaged or missing and what to do; nothing of it for who may not', options, async () => {
  const files = await until(async () => globSync('yard/**/*.mp4', { cwd: recordings }).toSorted(), ({ length }) => length > 3, 'some files are closed');
  const [changed, lost] = [join(recordings, files[0]!), join(recordings, files[1]!)];
  const bytes = await readFile(changed);
  bytes[bytes.length - 100]! ^= 1;
  await writeFile(changed, bytes);
  await rm(lost);
  await using opened = await open('#/system', { width: 390, height: 844 }, 'dark');
  const { page, problems } = opened;
  const panel = page.getByRole('region', { name: 'Verify recordings' });
  // How it stands while it runs: too short a time here to be seen for certain.
  const running: Verification = { verification_id: 'a', cameras: null, decode: false, state: 'running', began_at: Date.now() / 1000, ended_at: null, files_done: 30, files: 40, results: [], error: null, error_code: null };
  await page.route('**/api/v1/verifications', (route) => route.fulfill({ json: [running] }));
  await panel.getByText('30 of 40 files.').waitFor(WAIT);
  assert.ok(await panel.getByRole('button', { name: 'One runs' }).isDisabled());
  const cancelled = page.waitForRequest((request) => request.method() === 'DELETE' && request.url().endsWith('/verifications/a'), WAIT);
  await panel.getByRole('button', { name: 'Cancel' }).click();
  await cancelled;
  await page.unroute('**/api/v1/verifications');

  await panel.getByRole('button', { name: 'yard', exact: true }).click(WAIT);
  await panel.getByLabel(/^Decode every picture/).check();
  await panel.getByRole('button', { name: 'Verify', exact: true }).click();
  const one = panel.getByRole('listitem').filter({ hasText: 'Yard, every picture' });
  await one.getByText('2 of').waitFor(WAIT);
  await one.getByText('Yard: 1 missing, 1 changed').click();
  await one.getByText(/"ruth verify --repair" takes it out of the index/).waitFor(WAIT);
  await one.getByText(files[1]!).waitFor(WAIT);
  assert.deepEqual(await accessibilityProblems(page), []);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out at the side');
  await picture(page, 'system-verified-phone');
  await page.setViewportSize({ width: 1280, height: 860 });
  await picture(page, 'system-verified');
  await one.getByRole('button', { name: 'Remove from this list' }).click();
  await one.waitFor({ ...WAIT, state: 'detached' });
  await page.route('**/api/v1/session', async (route) => { const answer = await route.fetch(); await route.fulfill({ response: answer, json: { ...await answer.json() as object, permissions: ['view'] } }); });
  await page.reload();
  await page.getByRole('region', { name: 'Disk' }).getByText('taken').waitFor(WAIT);
  assert.equal(await panel.count(), 0);
  assert.deepEqual(problems, []);
});
