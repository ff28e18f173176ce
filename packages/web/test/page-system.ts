// A whole system for tests of the page: a real server in front of a kernel and a core that are stand-ins whose truth is known.
import { LOOK_STAGES, type Box, type CameraStatus, type CoreEvent, type Detection, type Look, type LookLatencies, type RecordedAt, type SceneConfig, type SubscriptionStatus, type SupervisedProcessStatus, type Timeline } from '@ruth/protocol';
import { camera, everyone, look, model, startCore, startKernel, startPlace, startSupervisor, subscription } from '../../server/test/stand-ins.ts';
import { StandInNode } from './stand-in-node.ts';
import { FPS, HEIGHT, SquareCamera, WIDTH, ptsOf, squareAt } from './square-camera.ts';

export const DETECTOR = 'square-finder';
export const POSE = 'square-poser';
export const LOOK_LATENCY_MS = 120;

/** What the models make of the square: whether they look, what they say beside, and how far around it their boxes lie. */
type Told = CoreEvent extends infer E ? (E extends CoreEvent ? Omit<E, 'id' | 'version' | 'at'> : never) : never;
export interface Seeing { looks: boolean; over: Partial<Detection>; marginPx: number }

const lookAt = (frame: number, epoch: number, modelId: string, seeing: Seeing, over: Partial<Look>): Look => {
  const [x, y] = [seeing.marginPx / WIDTH, seeing.marginPx / HEIGHT];
  const bbox = squareAt(frame).map((edge, index) => edge + [-x, -y, x, y][index]!) as Box;
  const [left, top, right, bottom] = bbox;
  const found = { class_id: 0, class_name: 'person', confidence: 0.87, bbox, ...seeing.over };
  return look('square', modelId, frame, {
    pts_us: ptsOf(frame), epoch, width: WIDTH, height: HEIGHT,
    detections: [modelId === POSE ? { ...found, keypoints: [[left, top, 0.9], [right, top, 0.9], [right, bottom, 0.9], [left, bottom, 0.1]] } : found], ...over,
  });
};

/** A whole system on one place; `cameras` and `models` may be changed while it runs. */
export async function startSystem(pageDirectory: string) {
  const stack = new AsyncDisposableStack();
  const cameras: CameraStatus[] = [camera('square', { name: 'Square <hall>', note: 'Made by the test', width: WIDTH, height: HEIGHT, fps: FPS })];
  const models = [model(DETECTOR), model(POSE, { keypoint_names: ['left_a', 'right_a', 'right_b', 'left_b'], skeleton: [[0, 1], [1, 2], [2, 3]] })];
  const place = stack.use(await startPlace({ pageDirectory, models: [DETECTOR, POSE], identify: async () => ({ ...everyone, userId: 1 }) }));
  // Somebody for whom may be kept what they have seen.
  await place.server.access.makeFirstAdmin();
  /** What core says otherwise of every subscription. */
  const subscriptions: Partial<SubscriptionStatus> = {};
  const scene: SceneConfig = {};
  const latencies: LookLatencies = {
    since: Date.now() / 1000 - 5000, bounds_ms: [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250],
    models: [DETECTOR, POSE].map((model_id) => ({ model_id, stages: LOOK_STAGES.map((stage, index) => ({ stage, looks: stage === 'inferred' ? [0, 0, 0, 2, 40, 310, 120, 9, 1, 0] : [20 * index, 300, 100, 40, 7, 3, 0, 0, 0, 0], sum_ms: 900 })) })),
  };
  const core = stack.use(await startCore(place.directory, {
    latencies: () => latencies,
    scene: (cameraId) => (cameraId === 'square' ? scene : {}),
    models: () => models, latest: () => [], subscriptions: () => models.map(({ model_id }) => subscription('square', model_id, { desired_fps: FPS, achieved_fps: FPS, ...subscriptions })),
  }));
  let id = 0;
  const failing = new Set<string>();
  const seeing: Seeing = { looks: true, over: {}, marginPx: 0 };
  const square = stack.use(new SquareCamera((frame, epoch) => setTimeout(() => {
    for (const modelId of seeing.looks ? [DETECTOR, POSE] : []) {
      const failure = failing.has(modelId) ? { detections: [], error: 'the session is on fire', error_code: 'inference_failed' } : {};
      core.publish({ id: ++id, version: 1, at: Date.now() / 1000, type: 'detection', look: lookAt(frame, epoch, modelId, seeing, failure) });
    }
  }, LOOK_LATENCY_MS)));
  /** What is recorded of every camera; null: nothing is. */
  const recorded: { timeline: Timeline | null; at: (atS: number) => RecordedAt } = { timeline: null, at: () => true };
  /** Which stream of which camera was asked for over MSE, in turn. */
  const watched: string[] = [];
  const kernel = stack.use(await startKernel(place.directory, () => cameras, (socket, cameraId, stream) => {
    watched.push(`${cameraId} ${stream}`);
    square.view(socket);
  }, () => recorded.timeline ?? 'recording_off', (_camera, atS) => recorded.at(atS)));
  const processes: SupervisedProcessStatus[] = ['kernel', `container ${DETECTOR}`, 'core', 'server'].map((name, index) => (
    { name, state: 'ready', pid: 100 + index, since: Date.now() / 1000 - 5000, reason: null, restarts: 0, ends: [], resident_bytes: 120e6 + index * 1e6, cpu_s: 12.5 * index }
  ));
  const node = new StandInNode(cameras);
  stack.use(await startSupervisor(place.directory, () => processes, (app) => node.serve(app)));
  /** As core would tell it, now. */
  const tell = (event: Told): void => core.publish({ ...event, id: ++id, version: 1, at: Date.now() / 1000 });
  return { url: place.url, cameras, scene, subscriptions, processes, tell, models, failing, seeing, node, recorded, core, kernel, square, watched, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

