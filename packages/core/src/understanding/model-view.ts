// What one model makes of one camera: its looks become tracks, tracks a scene, a scene alerts; the events of each look come in that order.
import { isDeepStrictEqual } from 'node:util';
import type { Box, CoreEvent, Detection, Look, Rule, SceneConfig, TrackEndReason } from '@ruth/protocol';
import type { EventContent } from '@ruth/transport';
import { PostureWatch } from '../posture/posture-watch.ts';
import { postureOf } from '../posture/posture.ts';
import { RuleWatch, type AlertNews, type Cooldown } from '../rules/rule-watch.ts';
import type { Happening } from '../scene/happenings.ts';
import { ObjectMasks } from '../scene/object-masks.ts';
import type { SceneObject } from '../scene/scene-object.ts';
import { Scene } from '../scene/scene.ts';
import { CameraTracks, type EndedTrack, type HeldFrame, type Sight } from '../tracking/camera-tracks.ts';
import type { Thresholds } from '../tracking/thresholds.ts';
import { TrackJournal, type JournalOptions } from '../tracking/track-journal.ts';
import { alertEvent, happeningEvent, occupancyEvent, type EventPlace } from './scene-event.ts';
import { objectAt, SeenFrames } from './seen-frames.ts';

/** Longer without a look, or without one for three of its intervals: nobody looks. */
const BLIND_S = 10;
const BLIND_INTERVALS = 3;

type Content = EventContent<CoreEvent>;

export interface ViewSettings { readonly scene: SceneConfig; readonly rules: readonly { readonly rule: Rule; readonly cooldown: Cooldown }[] }

/** The look that was followed last. */
interface Last { readonly sight: Sight; readonly nowS: number; readonly aspect: number; readonly intervalS: number }

export class ModelView {
  readonly #options: JournalOptions;
  readonly #tracks = new CameraTracks();
  readonly #journal: TrackJournal;
  readonly #postures = new PostureWatch();
  #settings: ViewSettings;
  #masks: ObjectMasks;
  #scene: Scene;
  #rules: readonly RuleWatch[];
  #last: Last | null = null;
  #isBlind = true;
  /** For models that look at the same frames later. */
  readonly #frames = new SeenFrames();

  constructor(options: JournalOptions, settings: ViewSettings) {
    this.#options = options;
    this.#journal = new TrackJournal(options);
    this.#settings = settings;
    this.#masks = new ObjectMasks(settings.scene.masks ?? []);
    this.#scene = new Scene(settings.scene, wantsLeftObjects(settings));
    this.#rules = settings.rules.map(({ rule, cooldown }) => new RuleWatch(rule, cooldown));
  }

  /** From now on these count. Tracks go on; where the scene is another, what is in its zones is found out anew; rules that are the same go on. */
  apply(settings: ViewSettings): Content[] {
    const before = this.#settings;
    this.#settings = settings;
    const isSameScene = isDeepStrictEqual(before.scene, settings.scene) && wantsLeftObjects(before) === wantsLeftObjects(settings);
    if (!isSameScene) {
      this.#masks = new ObjectMasks(settings.scene.masks ?? []);
      this.#scene = new Scene(settings.scene, wantsLeftObjects(settings));
    }
    const kept = new Map(isSameScene ? this.#rules.map((watch) => [watch.rule.id, watch]) : []);
    const rules = settings.rules.map(({ rule, cooldown }) => {
      const present = kept.get(rule.id);
      return present && isDeepStrictEqual(present.rule, rule) ? present : new RuleWatch(rule, cooldown);
    });
    const news = this.#rules.filter((watch) => !rules.includes(watch)).flatMap((watch) => watch.clear('rule_changed'));
    this.#rules = rules;
    return this.#alertsOf(news);
  }

  /** To be called with each look that was answered, in order. `keypointNames` are those of this model's detections, where they have any. */
  follow(look: Look, recordingAt: number, keypointNames: readonly string[], thresholds: Thresholds): { look: Look; events: Content[] } {
    const { look: told, nowS, sight, tracks, ended } = this.#tracks.follow(look, recordingAt, (box, className) => !this.#masks.hides(box, className), thresholds);
    const endedObjects = this.#objectsOf(ended);
    const atEnd = this.#scene.end(ended);
    const aspect = look.width / look.height;
    this.#last = { sight, nowS, aspect, intervalS: this.#last === null ? 0 : Math.max(0, sight.captured_at - this.#last.sight.captured_at) };
    this.#isBlind = false;
    const { happened, occupancies } = this.#scene.follow({ nowS, aspect, tracks });
    this.#frames.add(look.frame_id, nowS, this.#scene.objects.values());
    const postures = keypointNames.length === 0 ? [] : this.#bodies(told.detections, nowS, aspect, keypointNames);
    const all = [...atEnd, ...happened, ...postures];
    const place = this.#place(sight);
    const objects = [...this.#scene.objects.values()];
    const events: Content[] = [
      ...objects.filter(({ isSeen }) => isSeen).flatMap((object) => this.#journal.see(object.track, object.state)),
      ...all.map((happening) => happeningEvent(happening, this.#placeOf(happening, place), nowS)),
      ...[...occupancies].map(([zone, occupancy]) => occupancyEvent(zone, occupancy, place)),
      ...this.#judge(all),
      ...this.#endEvents(ended, endedObjects),
    ];
    return { look: told, events };
  }

  /** In that frame nothing moves and all that was seen stands still: it is all where it was, for longer. */
  hold(frame: HeldFrame, recordingAt: number): Content[] {
    const held = this.#last && !this.#isBlind ? this.#tracks.hold(frame, recordingAt) : null;
    if (held === null) return [];
    const { nowS, sight, tracks } = held;
    const { aspect } = this.#last!;
    this.#last = { ...this.#last!, sight, nowS };
    const { happened, occupancies } = this.#scene.follow({ nowS, aspect, tracks });
    this.#frames.add(frame.frame_id, nowS, this.#scene.objects.values());
    const place = this.#place(sight);
    return [
      ...happened.map((happening) => happeningEvent(happening, this.#placeOf(happening, place), nowS)),
      ...[...occupancies].map(([zone, occupancy]) => occupancyEvent(zone, occupancy, place)),
      ...this.#judge(happened),
    ];
  }

  isStationary(trackId: number): boolean { return this.#scene.objects.get(trackId)?.isStationary ?? false; }

  /** Bodies that another model read in a frame which this one has looked at: they are those of its objects. */
  readBodies(look: Look, keypointNames: readonly string[]): Content[] {
    const frame = this.#frames.get(look.frame_id);
    if (!frame || !this.#last) return [];
    const found = look.detections.map((detection) => ({ ...detection, track_id: objectAt(detection.bbox, frame) }));
    const happened = this.#bodies(found, frame.nowS, look.width / look.height, keypointNames);
    if (happened.length === 0) return [];
    const place = this.#place({ ...this.#last.sight, frame_id: look.frame_id, captured_at: look.captured_at, recording_at: this.#last.sight.recording_at - (this.#last.sight.captured_at - look.captured_at) });
    return [...happened.map((happening) => happeningEvent(happening, place, frame.nowS)), ...this.#judge(happened)];
  }

  /** What in that frame, the last one, should be described for its tracks; see `CameraTracks`. */
  wanted(frameId: number): Detection[] { return this.#tracks.wanted(frameId); }

  asked(frameId: number, boxes: readonly Box[]): void { this.#tracks.asked(frameId, boxes); }

  describe({ frame_id, detections }: Look): void { this.#tracks.describe(frame_id, detections); }

  get identitiesKept(): number { return this.#tracks.identitiesKept; }

  /** Whether this model has looked at that frame. */
  hasSeen(frameId: number): boolean { return this.#frames.get(frameId) !== undefined; }

  /** To be called now and then: who has not looked for long can tell nothing. `at`: UTC, seconds. */
  tick(at: number): Content[] {
    if (this.#isBlind || !this.#last || at - this.#last.sight.captured_at <= Math.max(BLIND_S, BLIND_INTERVALS * this.#last.intervalS)) return [];
    return this.#goBlind('could_not_look');
  }

  /** Nothing that comes later has to do with what was. */
  end(reason: TrackEndReason): Content[] {
    const ended = this.#tracks.end(reason);
    const objects = this.#objectsOf(ended);
    const happened = this.#scene.end(ended);
    this.#frames.clear();
    return [...happened.map((happening) => happeningEvent(happening, this.#place(happening.object.track.sight), happening.object.track.seenAtS)), ...this.#goBlind(reason), ...this.#endEvents(ended, objects)];
  }

  #goBlind(reason: TrackEndReason): Content[] {
    this.#isBlind = true;
    const zones = this.#scene.blind(reason);
    if (!this.#last) return [];
    const place = this.#place(this.#last.sight);
    return [...zones.map((zone) => occupancyEvent(zone, null, place)), ...this.#alertsOf(this.#rules.flatMap((watch) => watch.clear('could_not_look')))];
  }

  #judge(happened: readonly Happening[]): Content[] {
    const { nowS, sight } = this.#last!;
    return this.#alertsOf(this.#rules.flatMap((watch) => watch.follow({ nowS, at: sight.captured_at, objects: this.#scene.objects, happened })));
  }

  #endEvents(ended: readonly EndedTrack[], objects: ReadonlyMap<number, SceneObject>): Content[] {
    return ended.flatMap((end) => {
      const { id } = end.track.state;
      this.#postures.end(id);
      const cleared = this.#rules.flatMap((watch) => watch.end(id, end.reason === 'gone' ? 'track_ended' : 'could_not_look'));
      return [...this.#alertsOf(cleared), ...this.#journal.end(end, objects.get(id)?.state ?? end.track.state)];
    });
  }

  #bodies(detections: readonly Detection[], nowS: number, aspect: number, names: readonly string[]): Happening[] {
    return detections.flatMap(({ keypoints, track_id, bbox }) => {
      const object = track_id == null ? undefined : this.#scene.objects.get(track_id);
      const sight = object && keypoints ? postureOf(keypoints, names, bbox, aspect) : null;
      return sight ? this.#postures.see(object!, sight, nowS, this.#scene.objects) : [];
    });
  }

  #objectsOf(ended: readonly EndedTrack[]): ReadonlyMap<number, SceneObject> {
    return new Map(ended.flatMap(({ track }) => this.#scene.objects.get(track.state.id) ?? []).map((object) => [object.id, object]));
  }

  #alertsOf(news: readonly AlertNews[]): Content[] {
    if (!this.#last) return [];
    const { sight } = this.#last;
    return news.map((each) => alertEvent(each, this.#place(sight)));
  }

  /** What is told of a track that has ended belongs to the look that saw it last. */
  #placeOf({ type, object }: Happening, place: EventPlace): EventPlace {
    return this.#scene.objects.has(object.id) || type === 'object.removed' ? place : this.#place(object.track.sight);
  }

  #place(sight: Sight): EventPlace {
    return { camera_id: this.#options.cameraId, model_id: this.#options.modelId, ...sight };
  }
}

function wantsLeftObjects({ rules }: ViewSettings): boolean {
  return rules.some(({ rule }) => rule.conditions.some((condition) => 'is' in condition && (condition.is === 'left' || condition.is === 'removed')));
}
