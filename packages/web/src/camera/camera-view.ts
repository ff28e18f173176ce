// One camera on the screen: its live video, and over each displayed frame the looks that belong to that very frame.
// Works outside React; says to it a few times a second what is to be seen.
import type { ModelStatus, SubscriptionStatus } from '@ruth/protocol';
import { LivePlayer, type LivePhase } from '../live/live-player.ts';
import { staleAfterUs, type LookBook } from '../live/look-history.ts';
import { paint, type Layer } from '../overlay/painter.ts';
import { containedRectangle } from '../overlay/video-rectangle.ts';

/** A model at this camera: what core says of both, and whether the user wants to see it. */
export interface ModelAtCamera {
  readonly subscription: SubscriptionStatus;
  readonly model: ModelStatus | null;
  readonly shown: boolean;
}

/** What a model said of the displayed picture; null: no look belongs to it. */
export type Sight = { readonly kind: 'looked'; readonly count: number } | { readonly kind: 'failed'; readonly error: string } | null;

export interface CameraReport {
  readonly phase: LivePhase;
  readonly delayS: number | null;
  readonly sights: ReadonlyMap<string, Sight>;
}

const REPORT_EVERY_MS = 250;
const HIDDEN_LIMIT_MS = 10_000;
const MIN_DELAY_S = 0.4;
const MAX_DELAY_S = 2;

export class CameraView implements Disposable {
  readonly #cameraId: string;
  readonly #video: HTMLVideoElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #looks: LookBook;
  readonly #onReport: (report: CameraReport) => void;
  readonly #player: LivePlayer;
  readonly #ending = new AbortController();
  readonly #sizes: ResizeObserver;
  readonly #sightings: IntersectionObserver;
  readonly #reportTimer: ReturnType<typeof setInterval>;
  #hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  #models: readonly ModelAtCamera[] = [];
  #phase: LivePhase = { name: 'idle' };
  #mediaTimeS: number | null = null;
  #sights = new Map<string, Sight>();
  #inView = false;

  constructor(options: { cameraId: string; url: string; video: HTMLVideoElement; canvas: HTMLCanvasElement; looks: LookBook; onReport: (report: CameraReport) => void }) {
    this.#cameraId = options.cameraId;
    this.#video = options.video;
    this.#canvas = options.canvas;
    this.#looks = options.looks;
    this.#onReport = options.onReport;
    this.#player = new LivePlayer(options.video, options.url, (phase) => {
      this.#phase = phase;
      if (phase.name !== 'playing') this.#mediaTimeS = null;
      this.#repaint();
      this.#report();
    });
    this.#sizes = new ResizeObserver(() => this.#repaint());
    this.#sizes.observe(options.canvas);
    this.#sightings = new IntersectionObserver((entries) => {
      this.#inView = entries.at(-1)?.isIntersecting ?? false;
      this.#playWhenSeen();
    }, { rootMargin: '200px' });
    this.#sightings.observe(options.video);
    document.addEventListener('visibilitychange', () => this.#playWhenSeen(), { signal: this.#ending.signal });
    this.#reportTimer = setInterval(() => this.#report(), REPORT_EVERY_MS);
    this.#awaitFrame();
  }

  set models(models: readonly ModelAtCamera[]) {
    this.#models = models;
    // Late enough that the look after a picture is there when the picture is shown.
    const slowestMs = Math.max(0, ...models.filter((model) => model.shown).map(({ subscription }) => (subscription.latency_ms ? subscription.latency_ms.p95 + 1000 / subscription.desired_fps : 0)));
    this.#player.targetDelayS = Math.min(MAX_DELAY_S, Math.max(MIN_DELAY_S, slowestMs / 1000 + 0.1));
    this.#repaint();
  }

  [Symbol.dispose](): void {
    this.#ending.abort();
    clearInterval(this.#reportTimer);
    clearTimeout(this.#hiddenTimer);
    this.#sizes.disconnect();
    this.#sightings.disconnect();
    this.#player.stop();
  }

  /** A tile out of sight costs no stream; a tab that is left for a moment keeps its own. */
  #playWhenSeen(): void {
    clearTimeout(this.#hiddenTimer);
    if (!this.#inView) this.#player.stop();
    else if (document.visibilityState === 'visible') this.#player.start();
    else this.#hiddenTimer = setTimeout(() => this.#player.stop(), HIDDEN_LIMIT_MS);
  }

  #awaitFrame(): void {
    if (this.#ending.signal.aborted) return;
    const shown = (mediaTimeS: number): void => {
      if (this.#ending.signal.aborted) return;
      if (mediaTimeS !== this.#mediaTimeS) {
        this.#mediaTimeS = mediaTimeS;
        this.#repaint();
      }
      this.#awaitFrame();
    };
    if ('requestVideoFrameCallback' in this.#video) this.#video.requestVideoFrameCallback((_now, frame) => shown(frame.mediaTime));
    else requestAnimationFrame(() => shown(this.#video.currentTime));
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
    const frame = containedRectangle(element, { width: this.#video.videoWidth, height: this.#video.videoHeight });
    const drawn = paint(context, frame, layers);
    canvas.dataset.drawnBoxes = String(drawn.boxes);
    canvas.dataset.drawnKeypoints = String(drawn.keypoints);
  }

  /** Of each model what it sees in the displayed frame. */
  #layers(): Layer[] {
    const { init } = this.#player;
    this.#sights = new Map();
    if (!init || this.#mediaTimeS === null) return [];
    const ptsUs = this.#mediaTimeS * 1e6 + init.pts_origin_us;
    const layers: Layer[] = [];
    for (const { subscription, model, shown } of this.#models) {
      const look = this.#looks.of(this.#cameraId, subscription.model_id)?.at(ptsUs, init.epoch, staleAfterUs(subscription.desired_fps)) ?? null;
      this.#sights.set(subscription.model_id, look && (look.error === null ? { kind: 'looked', count: look.detections.length } : { kind: 'failed', error: look.error }));
      if (!look || look.error !== null || !shown) continue;
      layers.push({ look, keypointNames: model?.keypoint_names ?? [], skeleton: model?.skeleton ?? [], boxes: true });
    }
    // A detector's boxes stand for the people whose skeletons another model drew.
    const detectors = layers.some((layer) => layer.keypointNames.length === 0);
    return detectors ? layers.map((layer) => (layer.keypointNames.length > 0 ? { ...layer, boxes: false } : layer)) : layers;
  }

  #report(): void {
    this.#onReport({ phase: this.#phase, delayS: this.#phase.name === 'playing' ? this.#player.delayS : null, sights: this.#sights });
  }
}
