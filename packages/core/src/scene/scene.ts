// The scene of one camera as one model sees it: follows tracks from look to look and says what happened in zones, at lines, with
// things that were left. State is in seconds of the stream; a look that failed changes nothing, and nothing leaves by not being looked for.
import { groundPlane, type GroundPlane, type LeftObjectsConfig, type SceneConfig, type TrackEndReason } from '@ruth/protocol';
import type { EndedTrack, FollowedTrack } from '../tracking/camera-tracks.ts';
import type { Happening } from './happenings.ts';
import { LineWatch } from './line-watch.ts';
import { Movement } from './movement.ts';
import { RestingObjects } from './resting-objects.ts';
import { SceneObject } from './scene-object.ts';
import { type Occupancy, ZoneWatch } from './zone-watch.ts';

/** Between two looks that are further apart nobody looked. */
export const MOST_GAP_S = 4;

export interface SceneLook {
  readonly nowS: number;
  /** Width of the picture over its height. */
  readonly aspect: number;
  readonly tracks: readonly FollowedTrack[];
}

export interface SceneNews {
  readonly happened: readonly Happening[];
  /** By zone, where it changed. */
  readonly occupancies: ReadonlyMap<string, Occupancy>;
}

/** The parts that depend on the shape of the picture. */
interface Watches { readonly aspect: number; readonly zones: readonly ZoneWatch[]; readonly lines: readonly LineWatch[] }

export class Scene {
  readonly #config: SceneConfig;
  readonly #ground: GroundPlane | null;
  readonly #leftObjects: LeftObjectsConfig | null;
  readonly #objects = new Map<number, SceneObject>();
  readonly #movements = new Map<number, Movement>();
  #watches: Watches | null = null;
  #resting: RestingObjects | null;

  /** `wantsLeftObjects`: a rule asks for them, whether the scene has a section for them or not. */
  constructor(config: SceneConfig, wantsLeftObjects: boolean) {
    this.#config = config;
    this.#ground = config.ground_plane ? groundPlane(config.ground_plane.points) : null;
    this.#leftObjects = config.left_objects ?? (wantsLeftObjects ? {} : null);
    this.#resting = this.#leftObjects && new RestingObjects(this.#leftObjects);
  }

  /** Of all tracks that live, by id; lost ones as they were last seen. */
  get objects(): ReadonlyMap<number, SceneObject> { return this.#objects; }

  /** To be called with the tracks after each look that was answered. */
  follow({ nowS, aspect, tracks }: SceneLook): SceneNews {
    const { zones, lines } = this.#watchesOf(aspect);
    const happened: Happening[] = [];
    for (const track of tracks) {
      const object = this.#objects.get(track.state.id) ?? new SceneObject(track);
      this.#objects.set(object.id, object);
      object.track = track;
      if (!track.isSeen) continue;
      this.#movementOf(object).see(object, nowS, aspect, this.#ground);
      for (const zone of zones) happened.push(...zone.see(object, nowS));
      for (const line of lines) happened.push(...line.see(object, nowS));
    }
    if (this.#resting) happened.push(...this.#resting.follow(this.#objects, nowS, MOST_GAP_S, aspect));
    const occupancies = new Map<string, Occupancy>();
    for (const zone of zones) {
      const occupancy = zone.change(this.#objects.values(), nowS);
      if (occupancy) occupancies.set(zone.config.id, occupancy);
    }
    return { happened, occupancies };
  }

  /** These tracks have ended; their objects are forgotten. To be called before the look that showed it is followed. */
  end(ended: readonly EndedTrack[]): Happening[] {
    const happened: Happening[] = [];
    for (const { track, reason } of ended) {
      const object = this.#objects.get(track.state.id);
      if (!object) continue;
      for (const watch of [...this.#watches?.lines ?? [], ...this.#watches?.zones ?? []]) happened.push(...watch.end(object, reason === 'gone'));
      this.#objects.delete(object.id);
      this.#movements.delete(object.id);
    }
    return happened;
  }

  /** The zones of which it is no longer known how many are in them. Of a stream that begins anew nothing is remembered. */
  blind(reason: TrackEndReason): string[] {
    if (reason === 'camera_gone') this.#resting = this.#leftObjects && new RestingObjects(this.#leftObjects);
    return (this.#watches?.zones ?? []).filter((zone) => zone.blind()).map(({ config }) => config.id);
  }

  #movementOf({ id }: SceneObject): Movement {
    const movement = this.#movements.get(id) ?? new Movement();
    this.#movements.set(id, movement);
    return movement;
  }

  #watchesOf(aspect: number): Watches {
    if (this.#watches?.aspect === aspect) return this.#watches;
    const { zones = [], lines = [] } = this.#config;
    return this.#watches = { aspect, zones: zones.map((zone) => new ZoneWatch(zone, aspect)), lines: lines.map((line) => new LineWatch(line, aspect)) };
  }
}
