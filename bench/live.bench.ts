// From glass to glass: a live camera draws the wall clock into its pictures (720p25, x264 zerolatency, a keyframe every two
// seconds); all of Ruth runs as its user runs it; Chromium shows the console, and reads the clock back from each frame as it
// is presented (`expectedDisplayTime`). All on one machine, so one clock. Drawing, encoding, decoding and the browser count.
// `first_picture_ms`: from the console's own beginning to play until a picture is on the screen, of a viewer who comes in the
// middle of a group of pictures while another watches; `..._navigation_...` from the beginning of navigation. Over MSE it watches for
// a minute; `mse_late_ms` is by how much pictures came late at its end, and halts and dropped pictures are those of all of it, as the page says itself.
import { setTimeout as delay } from 'node:timers/promises';
import { launchBrowser } from '../packages/web/test/browser.ts';
import { RunningRuth } from '../test/end-to-end/running-ruth.ts';
import { LiveViewer, type Path } from './live-viewer.ts';
import { quantile } from './quantile.ts';
import type { Bench } from './runner.ts';
import { GOP_PICTURES, StampedCamera } from './running-stamped-camera.ts';
import { STAMP } from './models/stamp-reader/stamp.ts';

const CAMERA = 'stamped';
/** What a player still adjusts when it begins is not what its viewer sees. */
const SETTLE_MS = 4000;
const WATCH_MS: Record<Path, number> = { webrtc: 10_000, mse: 60_000 };
const LATE_VIEWERS = 5;

export const bench: Bench = async (report) => {
  await using camera = await StampedCamera.start();
  await using ruth = await RunningRuth.start(['up'], { cameras: [{ id: CAMERA, url: camera.url }], models: [], subscriptions: [] });
  const browser = await launchBrowser();
  try {
    await ruth.until('the camera streams', async () => (await ruth.get<{ state: string }[]>('/api/v1/cameras'))[0]?.state === 'streaming');
    const watch = async (path: Path) => {
      const viewer = await LiveViewer.open(browser, ruth, CAMERA, path);
      const first = await viewer.firstPicture(path);
      await delay(SETTLE_MS);
      await viewer.takeFrames();
      camera.encodeMs.length = 0;
      await delay(WATCH_MS[path]);
      const delays = (await viewer.takeFrames()).filter((frame) => frame.path === path).map(({ drawnAt, shownAt }) => shownAt - drawnAt);
      report(`${path}: ${delays.length} frames, p50 ${quantile(delays, 0.5)} ms, p95 ${quantile(delays, 0.95)} ms, p99 ${quantile(delays, 0.99)} ms; first picture after ${Math.round(first.ofPlayerMs)} ms; unreadable ${await viewer.unreadable()}; the page says ${JSON.stringify(await viewer.numbers())}`);
      return { viewer, first, delays, numbers: await viewer.numbers() };
    };
    const mse = await watch('mse');
    await mse.viewer[Symbol.asyncDispose]();
    const { viewer: early, first, delays } = await watch('webrtc');
    const receiver = await early.receiver();
    const late: { any: number; navigation: number; webrtc: number }[] = [];
    for (let count = 1; count <= LATE_VIEWERS; count++) {
      await using viewer = await LiveViewer.open(browser, ruth, CAMERA, 'auto');
      const any = await viewer.firstPicture();
      const webrtc = await viewer.firstPicture('webrtc');
      late.push({ any: any.ofPlayerMs, navigation: any.sinceNavigationMs, webrtc: webrtc.ofPlayerMs });
      report(`late viewer ${count}: a picture after ${Math.round(any.ofPlayerMs)} ms, over WebRTC after ${Math.round(webrtc.ofPlayerMs)} ms, ${Math.round(webrtc.sinceReadyMs)} ms of them after it was connected; ${Math.round(any.sinceNavigationMs)} ms from navigation; ${JSON.stringify(await viewer.receiver())}`);
    }
    const disturbed = (await early.takeFrames()).filter((frame) => frame.path === 'webrtc').map(({ drawnAt, shownAt }) => shownAt - drawnAt);
    return {
      glass_to_glass_p50_ms: quantile(delays, 0.5), glass_to_glass_p95_ms: quantile(delays, 0.95), first_picture_ms: quantile(late.map(({ any }) => any), 0.5),
      first_picture_worst_ms: quantile(late.map(({ any }) => any), 1), first_picture_navigation_ms: quantile(late.map(({ navigation }) => navigation), 0.5),
      webrtc_first_picture_ms: quantile(late.map(({ webrtc }) => webrtc), 0.5), webrtc_first_viewer_ms: Math.round(first.ofPlayerMs),
      mse_glass_to_glass_p50_ms: quantile(mse.delays, 0.5), mse_glass_to_glass_p95_ms: quantile(mse.delays, 0.95), mse_glass_to_glass_p99_ms: quantile(mse.delays, 0.99), mse_frames: mse.delays.length, mse_first_picture_ms: Math.round(mse.first.ofPlayerMs),
      mse_late_ms: mse.numbers.lateMs, mse_halts: mse.numbers.halts, mse_dropped: mse.numbers.dropped,
      joined_p95_ms: quantile(disturbed, 0.95), encode_p50_ms: quantile(camera.encodeMs, 0.5), encode_p95_ms: quantile(camera.encodeMs, 0.95),
      jitter_buffer_ms: receiver?.jitterBufferMs ?? null, decode_ms: receiver?.decodeMs ?? null, freezes: (await early.receiver())?.freezes ?? null,
      frames: delays.length, picture: `${STAMP.width}x${STAMP.height}p${STAMP.fps}`, gop_s: GOP_PICTURES / STAMP.fps,
    };
  } finally {
    await browser.close();
  }
};
