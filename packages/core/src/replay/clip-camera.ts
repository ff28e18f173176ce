// A camera whose frames come one after the other as they are asked for: every due look is made before the next frame, none is dropped,
// so that a clip gives the same on any machine. Gates, regions, requests and understanding are those of a live camera.
import { dirname } from 'node:path';
import { EVENT_VERSION, type CameraSubscription, type CoreEvent, type Detection, type Look, type ReplayFrame, type ReplayTask } from '@ruth/protocol';
import { IpcClient, RingReader, type EventContent, type RingFrame } from '@ruth/transport';
import type { CameraFrame } from '../camera-frame.ts';
import { FpsGate } from '../dispatch/gate.ts';
import { look, lookAtRegions, REGIONS_AT_ONCE, type LookOutcome, type ModelEndpoint } from '../dispatch/look.ts';
import { regionsOf, TrackTurns, ZoneFilter } from '../dispatch/regions.ts';
import { planSubscriptions } from '../intent/plan.ts';
import { MotionGate } from '../motion/motion-gate.ts';
import { RingLuma } from '../motion/ring-luma.ts';
import { thresholdsOf, withDoubtful } from '../tracking/thresholds.ts';
import { Understanding } from '../understanding/understanding.ts';

/** A model on a slow machine may take long: nothing is lost by waiting. */
const LOOK_LIMIT_MS = 60_000;

interface Watching {
  readonly settings: CameraSubscription;
  readonly gate: FpsGate;
  readonly motion: MotionGate | null;
  /** All that it saw last stands still. */
  isAtRest: boolean;
  readonly zone: ZoneFilter | null;
  readonly turns: TrackTurns | null;
  readonly endpoint: ModelEndpoint & AsyncDisposable;
}
interface Seen { readonly looks: Look[]; readonly events: CoreEvent[] }

export class ClipCamera implements AsyncDisposable {
  readonly #task: ReplayTask;
  readonly #understanding: Understanding;
  readonly #watching: readonly Watching[];
  readonly #luma = new RingLuma();
  #ring: RingReader | null = null;
  /** The frame that is shown. */
  #shown: RingFrame | null = null;
  #events = 0;

  constructor(task: ReplayTask) {
    const { camera_id: cameraId, models, scene, rules, subscriptions } = task;
    this.#task = task;
    this.#understanding = new Understanding({ cameraId, detects: (id) => models[id]?.detects ?? false, keypointNames: (id) => models[id]?.keypoint_names ?? [], thresholds: (id) => thresholdsOf(subscriptions.find(({ model }) => model === id)?.config ?? {}, models[id]?.confidence_threshold), describes: (id) => describedBy(subscriptions.find(({ model }) => model === id)), sharpness: (_, box) => this.#shown && this.#luma.sharpness(this.#shown, box) }, { scene, rules });
    this.#watching = planSubscriptions({ subscriptions, scene }, (id) => models[id] !== undefined, { at: 0, timeZone: null }).flatMap(({ settings, zone, masks, verdict }): Watching[] => {
      const { model, regions, motion, desired_fps: fps } = settings;
      const socket = models[model]?.socket;
      if (verdict !== 'runs' || socket == null) return [];
      return [{ settings, isAtRest: false, gate: new FpsGate(fps), motion: motion ? new MotionGate(motion, masks) : null, zone: zone && new ZoneFilter(zone), turns: regions ? TrackTurns.of(regions) : null, endpoint: endpointAt(model, socket, models[model]!.confidence_threshold ?? null) }];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ring?.close();
    await Promise.all(this.#watching.map(({ endpoint }) => endpoint[Symbol.asyncDispose]()));
  }

  /** Who looks at whole frames first, then who looks where they saw something. */
  async show({ frame_reference, frame_id, pts_us, captured_at_us, width, height }: ReplayFrame): Promise<Seen> {
    const shown = this.#shown = this.#read(frame_reference, frame_id);
    const frame: CameraFrame = {
      cameraId: this.#task.camera_id, frameReference: frame_reference, frameId: frame_id, ptsUs: pts_us, capturedAtUs: captured_at_us, epoch: 0, width, height, format: 'NV12',
      publishedMs: NaN, lumaGrid: () => shown && this.#luma.grid(shown), isStillThere: () => true, isOfCurrentRing: () => true,
    };
    const seen: Seen = { looks: [], events: [] };
    const waiting = this.#watching.filter(({ settings }) => !settings.regions).map((watching) => ({ watching, found: null as Look | null }));
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { watching, found } = next;
      if (!watching.gate.isDue(frame)) continue;
      if (this.#isStill(watching, frame, seen)) continue;
      const outcome = await outcomeOf(watching, frame, found, this.#understanding);
      if (outcome === null) continue;
      const made = lookOf(frame, watching.settings.model, outcome);
      const { looks: [told], events } = this.take(made);
      if (made.error === null) watching.motion?.saw(made.detections.length > 0);
      watching.isAtRest = this.#understanding.isAtRest(told!);
      // As it was made, so that it can be understood again.
      seen.looks.push(made);
      seen.events.push(...events);
      if (told!.error === null) waiting.push(...this.#watching.filter(({ settings }) => settings.regions?.model === told!.model_id).map((follower) => ({ watching: follower, found: told! })));
    }
    return seen;
  }

  /** Whether the motion gate says that the frame need not be looked at. */
  #isStill({ settings, motion, isAtRest }: Watching, frame: CameraFrame, seen: Seen): boolean {
    const grid = motion && frame.lumaGrid();
    if (!grid || motion.judge(grid, frame.ptsUs / 1e6, isAtRest) !== 'still') return false;
    const held = { frame_id: frame.frameId, captured_at: frame.capturedAtUs / 1e6, pts_us: frame.ptsUs, epoch: frame.epoch };
    if (isAtRest) seen.events.push(...this.#understanding.hold(settings.model, held).map((content) => this.#event(content, held.captured_at)));
    return true;
  }

  /** Null where it is no longer there, or there are only looks. */
  #read(reference: string, frameId: number): RingFrame | null {
    if (this.#ring?.isCurrent() === false) {
      this.#ring.close();
      this.#ring = null;
    }
    this.#ring ??= RingReader.open(reference, { ringDirectory: dirname(reference) });
    const read = this.#ring.read(frameId);
    return read.status === 'frame' ? read.frame : null;
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

/** The model whose tracks it describes. */
function describedBy(settings: CameraSubscription | undefined): string | null {
  return settings?.regions?.appearance ? settings.regions.model : null;
}

function endpointAt(modelId: string, socket: string, confidenceThreshold: number | null): ModelEndpoint & AsyncDisposable {
  const client = new IpcClient(socket, { maxConnections: 2 });
  return { modelId, places: REGIONS_AT_ONCE, confidenceThreshold, request: (message, options) => client.request(message, options), [Symbol.asyncDispose]: () => client.close() };
}

/** Null where no track has its turn. */
async function outcomeOf({ settings, zone, turns, endpoint }: Watching, frame: CameraFrame, found: Look | null, understanding: Understanding): Promise<LookOutcome | null> {
  const request = { frame, config: settings.config ?? {}, deadlineMs: LOOK_LIMIT_MS, signal: new AbortController().signal };
  const isThere = (detection: Detection): boolean => zone?.has(detection) ?? true;
  if (!settings.regions) {
    const outcome = await look(endpoint, { ...request, config: withDoubtful(request.config, endpoint.confidenceThreshold) });
    return outcome.result === 'answered' ? { ...outcome, detections: outcome.detections.filter(isThere) } : outcome;
  }
  const source = settings.regions.model;
  const inZone = (settings.regions.appearance ? understanding.wanted(source, frame.frameId) : found?.detections ?? []).filter(isThere);
  const regions = regionsOf(inZone.filter((detection) => turns?.isDue(detection.track_id, frame, (trackId) => understanding.isStationary(source, trackId)) ?? true), settings.regions);
  if (regions.length === 0 && settings.regions.appearance) return null;
  if (regions.length === 0) return turns && (turns.hasEachOnce || regionsOf(inZone, settings.regions).length > 0) ? null : { result: 'answered', detections: [], metadata: {} };
  const outcome = await lookAtRegions(endpoint, regions, request);
  if (outcome.result === 'answered') turns?.looked(regions, frame);
  return outcome;
}

function lookOf(frame: CameraFrame, modelId: string, outcome: LookOutcome): Look {
  const error = outcome.result === 'answered' ? null : outcome.error;
  return {
    camera_id: frame.cameraId, model_id: modelId, frame_id: frame.frameId, captured_at: frame.capturedAtUs / 1e6, pts_us: frame.ptsUs, epoch: frame.epoch, width: frame.width, height: frame.height,
    detections: outcome.result === 'answered' ? outcome.detections : [], metadata: outcome.result === 'answered' ? outcome.metadata : {}, error: error?.message ?? null, error_code: error?.code ?? null,
  };
}
