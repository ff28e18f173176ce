// A camera whose frames come one after the other as they are asked for: every due look is made before the next frame, none is dropped,
// so that a clip gives the same on any machine. Gates, regions, requests and understanding are those of a live camera.
import { EVENT_VERSION, type CameraSubscription, type CoreEvent, type Look, type ReplayFrame, type ReplayTask } from '@ruth/protocol';
import { IpcClient, type EventContent } from '@ruth/transport';
import type { CameraFrame } from '../camera-frame.ts';
import { look, lookAtRegions, type LookOutcome, type ModelEndpoint } from '../dispatch.ts';
import { FpsGate } from '../gate.ts';
import { planSubscriptions } from '../intent/plan.ts';
import { regionsOf } from '../regions.ts';
import { Understanding } from '../understanding/understanding.ts';

/** A model on a slow machine may take long: nothing is lost by waiting. */
const LOOK_LIMIT_MS = 60_000;

interface Watching { readonly settings: CameraSubscription; readonly gate: FpsGate; readonly endpoint: ModelEndpoint & AsyncDisposable }
interface Seen { readonly looks: Look[]; readonly events: CoreEvent[] }

export class ClipCamera implements AsyncDisposable {
  readonly #task: ReplayTask;
  readonly #understanding: Understanding;
  readonly #watching: readonly Watching[];
  #events = 0;

  constructor(task: ReplayTask) {
    const { camera_id: cameraId, models, scene, rules, subscriptions } = task;
    this.#task = task;
    this.#understanding = new Understanding({ cameraId, detects: (id) => models[id]?.detects ?? false, keypointNames: (id) => models[id]?.keypoint_names ?? [] }, { scene, rules });
    this.#watching = planSubscriptions({ subscriptions }, (id) => models[id] !== undefined).flatMap(({ settings, verdict }) => {
      const socket = models[settings.model]?.socket;
      return verdict === 'runs' && socket != null ? [{ settings, gate: new FpsGate(settings.desired_fps), endpoint: endpointAt(settings.model, socket) }] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#watching.map(({ endpoint }) => endpoint[Symbol.asyncDispose]()));
  }

  /** Who looks at whole frames first, then who looks where they saw something. */
  async show({ frame_reference, frame_id, pts_us, captured_at_us, width, height }: ReplayFrame): Promise<Seen> {
    const frame: CameraFrame = {
      cameraId: this.#task.camera_id, frameReference: frame_reference, frameId: frame_id, ptsUs: pts_us, capturedAtUs: captured_at_us, epoch: 0, width, height, format: 'NV12', isOfCurrentRing: () => true,
    };
    const seen: Seen = { looks: [], events: [] };
    const waiting = this.#watching.filter(({ settings }) => !settings.regions).map((watching) => ({ watching, found: null as Look | null }));
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { watching, found } = next;
      if (!watching.gate.isDue(frame)) continue;
      const made = lookOf(frame, watching.settings.model, await outcomeOf(watching, frame, found));
      const told = this.take(made);
      seen.looks.push(...told.looks);
      seen.events.push(...told.events);
      if (made.error === null) waiting.push(...this.#watching.filter(({ settings }) => settings.regions?.model === made.model_id).map((follower) => ({ watching: follower, found: made })));
    }
    return seen;
  }

  /** A look that was made, now or before. */
  take(made: Look): Seen {
    const { look: told, events } = this.#understanding.follow(made);
    return { looks: [told], events: events.map((content) => this.#event(content, made.captured_at)) };
  }

  #event(content: EventContent<CoreEvent>, at: number): CoreEvent {
    return { id: ++this.#events, version: EVENT_VERSION, at, ...content };
  }
}

function endpointAt(modelId: string, socket: string): ModelEndpoint & AsyncDisposable {
  const client = new IpcClient(socket, { maxConnections: 2 });
  return { modelId, request: (message, options) => client.request(message, options), [Symbol.asyncDispose]: () => client.close() };
}

async function outcomeOf({ settings, endpoint }: Watching, frame: CameraFrame, found: Look | null): Promise<LookOutcome> {
  const request = { frame, config: settings.config ?? {}, deadlineMs: LOOK_LIMIT_MS, signal: new AbortController().signal };
  if (!settings.regions) return look(endpoint, request);
  const boxes = regionsOf(found?.detections ?? [], settings.regions);
  return boxes.length === 0 ? { result: 'answered', detections: [], metadata: {} } : lookAtRegions(endpoint, boxes, request);
}

function lookOf(frame: CameraFrame, modelId: string, outcome: LookOutcome): Look {
  const error = outcome.result === 'answered' ? null : outcome.error;
  return {
    camera_id: frame.cameraId, model_id: modelId, frame_id: frame.frameId, captured_at: frame.capturedAtUs / 1e6, pts_us: frame.ptsUs, epoch: frame.epoch, width: frame.width, height: frame.height,
    detections: outcome.result === 'answered' ? outcome.detections : [], metadata: outcome.result === 'answered' ? outcome.metadata : {}, error: error?.message ?? null, error_code: error?.code ?? null,
  };
}
