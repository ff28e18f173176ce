// One camera on the screen: its live video, and over each displayed frame the looks that belong to that very frame.
// Works outside React; says to it a few times a second what is to be seen.
import type { Detection, Look, ModelStatus, SceneConfig, SubscriptionStatus } from '@ruth/protocol';
import { capturedAt, type LivePhase, type PathChoice, type ShownFrame } from '../live/live-path.ts';
import type { LiveNumbers } from '../live/live-numbers.ts';
import { LiveVideo, type LivePathReport } from '../live/live-video.ts';
import { staleAfterUs, type LookBook } from '../live/look-history.ts';
import { EVERYTHING, isWanted, type OverlayChoice } from '../overlay/overlay-choice.ts';
import { paint, type Layer } from '../overlay/painter.ts';
import type { Tail } from '../overlay/tail-painter.ts';
import { isMasked } from '../overlay/scene-places.ts';
import { containedRectangle } from '../overlay/video-rectangle.ts';

/** A model at this camera: what core says of both, and whether the user wants to see it. */
export interface ModelAtCamera {
  readonly subscription: SubscriptionStatus;
  readonly model: ModelStatus | null;
  readonly shown: boolean;
}

/** What a model said of the displayed picture; null: no look belongs to it. */
export type Sight = { readonly kind: 'looked'; /** But for what masks hide. */ readonly count: number; readonly masked: number } | { readonly kind: 'failed'; readonly error: string } | null;

export interface CameraReport {
  readonly phase: LivePhase;
  readonly path: LivePathReport | null;
  /** Of what plays; null where nothing does. */
  readonly numbers: LiveNumbers | null;
  readonly sights: ReadonlyMap<string, Sight>;
}

const REPORT_EVERY_MS = 250;
const HIDDEN_LIMIT_MS = 10_000;
/** Of models whose latency is not known yet. */
const USUAL_LOOK_S = 0.3;
/** Between a look's answer and its being here. */
const TOLD_WITHIN_S = 0.1;
const MAX_DELAY_S = 2;
/** From a picture to the next look after it. */
const CARRIED_ON_S = 0.5;
const TAIL_US = 3_000_000;

export interface CameraViewOptions {
  readonly cameraId: string;
  readonly label: string;
  readonly mseUrl: string;
  readonly webRtcUrl: string;
  /** What MSE brings is the smaller stream of the camera. */
  readonly small: boolean;
  /** Takes the video. */
  readonly pictures: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly looks: LookBook;
  readonly onReport: (report: CameraReport) => void;
}

export class CameraView implements Disposable {
  readonly #cameraId: string;
  readonly #canvas: HTMLCanvasElement;
  readonly #pictures: HTMLElement;
  readonly #small: boolean;
  readonly #looks: LookBook;
  readonly #onReport: (report: CameraReport) => void;
  readonly #live: LiveVideo;
  readonly #ending = new AbortController();
  readonly #sizes: ResizeObserver;
  readonly #sightings: IntersectionObserver;
  readonly #reportTimer: ReturnType<typeof setInterval>;
  #hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  #models: readonly ModelAtCamera[] = [];
  #overlay: OverlayChoice = EVERYTHING;
  #scene: SceneConfig = {};
  #phase: LivePhase = { name: 'idle' };
  #frame: ShownFrame | null = null;
  #reportedFrame: ShownFrame | null = null;
  /** Models look at another stream of the camera, whose pts says nothing of this one's. */
  #ownStreamLooks = true;
  #sights = new Map<string, Sight>();
  #inView = false;
  #held = false;

  constructor(options: CameraViewOptions) {
    this.#cameraId = options.cameraId;
    this.#canvas = options.canvas;
    this.#pictures = options.pictures;
    this.#small = options.small;
    this.#looks = options.looks;
    this.#onReport = options.onReport;
    this.#live = new LiveVideo({
      container: options.pictures, label: options.label, mseUrl: options.mseUrl, webRtcUrl: options.webRtcUrl, small: options.small,
      recentPtsUs: () => this.#looks.newestPtsUs(this.#cameraId),
      onPhase: (phase) => {
        this.#phase = phase;
        this.#repaint();
        this.#report();
      },
      onFrame: (frame) => {
        this.#frame = frame;
        this.#repaint();
      },
    });
    this.#sizes = new ResizeObserver(() => this.#repaint());
    this.#sizes.observe(options.canvas);
    this.#sightings = new IntersectionObserver((entries) => {
      this.#inView = entries.at(-1)?.isIntersecting ?? false;
      this.#playWhenSeen();
    }, { rootMargin: '200px' });
    this.#sightings.observe(options.pictures);
    document.addEventListener('visibilitychange', () => this.#playWhenSeen(), { signal: this.#ending.signal });
    this.#reportTimer = setInterval(() => this.#report(), REPORT_EVERY_MS);
  }

  set scene(scene: SceneConfig) {
    this.#scene = scene;
    this.#repaint();
  }

  set overlay(overlay: OverlayChoice) {
    this.#overlay = overlay;
    this.#repaint();
  }

  set choice(choice: PathChoice) { this.#live.choice = choice; }

  /** Whether models look at the stream that is shown, not at a smaller one of the same camera. */
  set ownStreamLooks(value: boolean) { this.#ownStreamLooks = value; }

  set models(models: readonly ModelAtCamera[]) {
    this.#models = models;
    const shown = models.filter((model) => model.shown);
    const slowestS = (latency: 'p50' | 'p95', unknownS: number): number => Math.max(0, ...shown.map(({ subscription: { latency_ms, desired_fps } }) => (latency_ms ? latency_ms[latency] / 1000 + 1 / desired_fps : unknownS)));
    const typicalS = slowestS('p50', 0);
    this.#live.delays = {
      // Late enough that the look after a picture is there when the picture is shown; where nothing looks, as early as can be.
      mseS: shown.length === 0 ? 0 : Math.min(MAX_DELAY_S, slowestS('p95', USUAL_LOOK_S) + TOLD_WITHIN_S),
      // Looks that are a little late are carried on; later ones would lie beside what they are about.
      webRtcS: typicalS > CARRIED_ON_S ? Math.min(MAX_DELAY_S, typicalS) : 0,
    };
    this.#repaint();
  }

  [Symbol.dispose](): void {
    this.#ending.abort();
    clearInterval(this.#reportTimer);
    clearTimeout(this.#hiddenTimer);
    this.#sizes.disconnect();
    this.#sightings.disconnect();
    this.#live.stop();
  }

  /** Something else is shown in its place: it takes no stream meanwhile. */
  set held(held: boolean) {
    if (held === this.#held) return;
    this.#held = held;
    this.#playWhenSeen();
  }

  /** A tile out of sight costs no stream; a tab that is left for a moment keeps its own. */
  #playWhenSeen(): void {
    clearTimeout(this.#hiddenTimer);
    if (!this.#inView || this.#held) this.#live.stop();
    else if (document.visibilityState === 'visible') this.#live.start();
    else this.#hiddenTimer = setTimeout(() => this.#live.stop(), HIDDEN_LIMIT_MS);
  }

  #repaint(): void {
    const canvas = this.#canvas;
    const context = canvas.getContext('2d');
    if (!context) return;
    const scale = globalThis.devicePixelRatio;
    const element = { width: canvas.clientWidth, height: canvas.clientHeight };
    const [width, height] = [Math.round(element.width * scale), Math.round(element.height * scale)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, element.width, element.height);
    const layers = this.#layers();
    const video = this.#live.shownVideo;
    const frame = containedRectangle(element, { width: video?.videoWidth ?? 0, height: video?.videoHeight ?? 0 });
    const drawn = paint(context, frame, layers, this.#scene, this.#overlay);
    canvas.dataset.drawnBoxes = String(drawn.boxes);
    canvas.dataset.drawnKeypoints = String(drawn.keypoints);
    canvas.dataset.drawnScene = String(drawn.scene);
    canvas.dataset.drawnTails = String(drawn.tails);
  }

  /** Of each model what it sees in the displayed frame. */
  #layers(): Layer[] {
    this.#sights = new Map();
    const frame = this.#frame;
    if (!frame || this.#phase.name !== 'playing') return [];
    const layers: Layer[] = [];
    for (const { subscription, model, shown } of this.#models) {
      const look = this.#lookAt(frame, subscription);
      const masked = look?.detections.filter((detection) => isMasked(detection, this.#scene)).length ?? 0;
      this.#sights.set(subscription.model_id, look && (look.error === null ? { kind: 'looked', count: look.detections.length - masked, masked } : { kind: 'failed', error: look.error }));
      if (!look || look.error !== null || !shown) continue;
      const wanted = look.detections.filter((detection) => isWanted(detection, this.#overlay, this.#scene));
      layers.push({ look: { ...look, detections: wanted }, tails: this.#tailsOf(wanted, frame, subscription.model_id), keypointNames: model?.keypoint_names ?? [], skeleton: model?.skeleton ?? [], boxes: true });
    }
    // A detector's boxes stand for the people whose skeletons another model drew.
    const detectors = layers.some((layer) => layer.keypointNames.length === 0);
    return detectors ? layers.map((layer) => (layer.keypointNames.length > 0 ? { ...layer, boxes: false } : layer)) : layers;
  }

  #tailsOf(detections: readonly Detection[], { ptsUs, epoch }: ShownFrame, modelId: string): Tail[] {
    if (!this.#overlay.tails || ptsUs === null || !this.#ownStreamLooks) return [];
    const tails = this.#looks.of(this.#cameraId, modelId)?.tails(ptsUs, epoch, TAIL_US);
    return detections.flatMap(({ class_name, track_id, bbox: [xMin, , xMax, yMax] }) => {
      const points = typeof track_id === 'number' ? tails?.get(track_id) : undefined;
      return points ? [{ className: class_name, points: [...points, [(xMin + xMax) / 2, yMax] as const] }] : [];
    });
  }

  /** The look that belongs to the frame; where the browser does not say which frame it shows, the newest. */
  #lookAt(frame: ShownFrame, { model_id, desired_fps, latency_ms }: SubscriptionStatus): Look | null {
    const history = this.#looks.of(this.#cameraId, model_id);
    if (!history) return null;
    // WebRTC shows pictures before models have answered: the last answer goes on being right for that long.
    const early = this.#live.path.name === 'webrtc' ? (latency_ms?.p95 ?? 0) * 1000 : 0;
    const limitUs = staleAfterUs(desired_fps) + early;
    const capturedS = this.#ownStreamLooks ? null : capturedAt(frame, this.#live.wallOrigin);
    if (capturedS !== null) return history.atInstant(capturedS, limitUs);
    if (frame.ptsUs === null || !this.#ownStreamLooks) return history.newestWithin(limitUs / 1000 + early / 1000);
    return history.at(frame.ptsUs, frame.epoch, limitUs);
  }

  #report(): void {
    // A picture that stands still is painted again: its look may have come since.
    if (this.#frame !== null && this.#frame === this.#reportedFrame) this.#repaint();
    this.#reportedFrame = this.#frame;
    const playing = this.#phase.name === 'playing';
    const numbers = playing ? this.#live.numbers : null;
    this.#tell(numbers);
    this.#onReport({ phase: this.#phase, path: this.#phase.name === 'idle' ? null : this.#live.path, numbers, sights: this.#sights });
  }

  /** For tests and benches, which read what people read in the details. Milliseconds. */
  #tell(numbers: LiveNumbers | null): void {
    const { dataset } = this.#pictures;
    if (numbers === null) {
      delete dataset.path;
      return;
    }
    const ms = (seconds: number | null): string => (seconds === null ? '' : String(Math.round(seconds * 1000)));
    Object.assign(dataset, {
      path: numbers.path, stream: this.#small && numbers.path === 'mse' ? 'detect' : 'main', delayMs: ms(numbers.delayS), targetMs: ms(numbers.targetS), jitterMs: ms(numbers.jitterS), rate: numbers.rate.toFixed(2),
      shownFps: numbers.shownFps?.toFixed(1) ?? '', dropped: String(numbers.dropped), halts: String(numbers.halts),
    });
  }
}
