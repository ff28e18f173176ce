// What is understood of one camera: the looks of its models go in, in the order in which they come, and events come out. Nothing is waited
// for, read or asked; the same runs live and over a recorded clip.
import { resolveRule, type Box, type CoreEvent, type Detection, type Look, type RuleConfig, type SceneConfig, type TrackEndReason } from '@ruth/protocol';
import type { EventContent } from '@ruth/transport';
import type { Cooldown } from '../rules/rule-watch.ts';
import type { HeldFrame } from '../tracking/camera-tracks.ts';
import type { Thresholds } from '../tracking/thresholds.ts';
import type { JournalOptions } from '../tracking/track-journal.ts';
import { ModelView, type ViewSettings } from './model-view.ts';
import { RecordingTime } from './recording-time.ts';

type Content = EventContent<CoreEvent>;

export interface UnderstandingOptions extends Pick<JournalOptions, 'cameraId' | 'sharpness'> {
  /** Whether the model finds things: its detections become tracks. */
  detects(modelId: string): boolean;
  /** What a model's detection must reach. */
  thresholds(modelId: string): Thresholds;
  /** The model whose tracks this one's vectors describe; null where it describes none. */
  describes?(modelId: string): string | null;
  /** Of the bodies that the model reads; none where it reads none. */
  keypointNames(modelId: string): readonly string[];
}

export interface CameraMeaning { readonly scene: SceneConfig; readonly rules: readonly RuleConfig[] }

export class Understanding {
  readonly #options: UnderstandingOptions;
  #meaning: CameraMeaning;
  readonly #views = new Map<string, ModelView>();
  readonly #recordingTime = new RecordingTime();
  /** By rule. */
  readonly #cooldowns = new Map<string, Cooldown>();

  constructor(options: UnderstandingOptions, meaning: CameraMeaning) {
    this.#options = options;
    this.#meaning = meaning;
  }

  /** What is the same goes on undisturbed. */
  apply(meaning: CameraMeaning): Content[] {
    this.#meaning = meaning;
    return [...this.#views].flatMap(([modelId, view]) => view.apply(this.#settingsFor(modelId)));
  }

  /** To be called with each look. Returns it with the ids of tracks, and what is to be told after it. A look that failed says nothing: what was seen before may still be there. */
  follow(look: Look): { look: Look; events: Content[] } {
    const { model_id: modelId } = look;
    if (look.error !== null) return { look, events: [] };
    const described = this.#options.describes?.(modelId) ?? null;
    if (described !== null) {
      this.#views.get(described)?.describe(look);
      // What people look like leaves here for nowhere.
      return { look: { ...look, detections: look.detections.map(({ embedding: _, ...rest }) => rest) }, events: [] };
    }
    const names = this.#options.keypointNames(modelId);
    if (this.#options.detects(modelId)) return this.#view(modelId).follow(look, this.#recordingTime.at(look), names, this.#options.thresholds(modelId));
    if (names.length === 0) return { look, events: [] };
    // Bodies read by a model that follows another: of the model that looked at the same frame.
    const source = [...this.#views.values()].find((view) => view.hasSeen(look.frame_id));
    return { look, events: source?.readBodies(look, names) ?? [] };
  }

  /** In that frame, which the model has not looked at, nothing moves, and all that it saw stands still: time goes on for it. Returns what is to be told of that. */
  hold(modelId: string, frame: HeldFrame): Content[] {
    return this.#views.get(modelId)?.hold(frame, this.#recordingTime.at(frame)) ?? [];
  }

  /** Whether the model's track stands still. */
  isStationary(modelId: string, trackId: number): boolean { return this.#views.get(modelId)?.isStationary(trackId) ?? false; }

  /** What of that frame of the model should be described for its tracks, by a model that can. */
  wanted(modelId: string, frameId: number): Detection[] { return this.#views.get(modelId)?.wanted(frameId) ?? []; }

  /** That model is being asked to describe these boxes. */
  asked(modelId: string, frameId: number, boxes: readonly Box[]): void { this.#views.get(modelId)?.asked(frameId, boxes); }

  /** Tracks of the model that were known again by what they look like. */
  identitiesKept(modelId: string): number { return this.#views.get(modelId)?.identitiesKept ?? 0; }

  /** Whether all that a look told stands still. What is too unsure to be a track says nothing of that. */
  isAtRest({ model_id: modelId, error, detections }: Look): boolean {
    const { begins } = this.#options.thresholds(modelId);
    return error === null && detections.every(({ track_id: id, confidence }) => (id == null ? confidence < begins : this.isStationary(modelId, id)));
  }

  /** To be called now and then. `at`: UTC, seconds. */
  tick(at: number): Content[] {
    return [...this.#views.values()].flatMap((view) => view.tick(at));
  }

  /** Of one model that looks no more, or of all where the camera is gone. */
  end(reason: TrackEndReason, modelId?: string): Content[] {
    if (modelId === undefined) return [...this.#views.values()].flatMap((view) => view.end(reason));
    return this.#views.get(modelId)?.end(reason) ?? [];
  }

  #view(modelId: string): ModelView {
    const { cameraId, sharpness } = this.#options;
    const view = this.#views.get(modelId) ?? new ModelView({ cameraId, modelId, ...(sharpness ? { sharpness } : {}) }, this.#settingsFor(modelId));
    this.#views.set(modelId, view);
    return view;
  }

  #settingsFor(modelId: string): ViewSettings {
    const rules = this.#meaning.rules.map(resolveRule).filter(({ active, model }) => active && (model === null || model === modelId));
    return { scene: this.#meaning.scene, rules: rules.map((rule) => ({ rule, cooldown: this.#cooldownOf(rule.id) })) };
  }

  #cooldownOf(ruleId: string): Cooldown {
    const cooldown = this.#cooldowns.get(ruleId) ?? { raisedAt: -Infinity };
    this.#cooldowns.set(ruleId, cooldown);
    return cooldown;
  }
}
