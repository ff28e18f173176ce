// What a scene knows of one track: where it is, how it moves, in which zones it is and since when. Times are seconds of the stream.
import { type Anchor, type Box, type Point, type Posture, type TrackState } from '@ruth/protocol';
import type { FollowedTrack } from '../tracking/camera-tracks.ts';
import { scaled } from './shapes.ts';

export interface Speed {
  /** Heights of the picture in a second. */
  readonly framesPerS: number;
  /** Null without a ground plane, and above its horizon. */
  readonly metresPerS: number | null;
  /** On the screen, clockwise from up; null while it hardly moves. */
  readonly headingDegrees: number | null;
}

export interface StateSince<T> { readonly is: T; readonly sinceS: number }

/** Kept by the parts of a scene, each its own fields; others only read it. */
export class SceneObject {
  readonly id: number;
  track: FollowedTrack;
  /** By id of the zone: since when it is in it, or out of it; not there before it was seen with that zone. */
  readonly zones = new Map<string, { inside: boolean; sinceS: number }>();
  speed: Speed | null = null;
  /** Whether it moves, or has come to rest; null between. */
  motion: StateSince<'moving' | 'stationary'> | null = null;
  posture: StateSince<Posture> | null = null;
  /** From a fall until it gets up. */
  fallenSinceS: number | null = null;
  /** It lies still with nobody near. */
  leftSinceS: number | null = null;

  constructor(track: FollowedTrack) {
    this.id = track.state.id;
    this.track = track;
  }

  get className(): string { return this.track.state.class_name; }
  get box(): Box { return this.track.state.bbox; }
  /** In the look that was followed last. */
  get isSeen(): boolean { return this.track.isSeen; }
  get isStationary(): boolean { return this.motion?.is === 'stationary'; }

  /** Where it is, in heights of the picture. */
  place(anchor: Anchor, aspect: number): Point { return scaled(anchorOf(this.box, anchor), aspect); }

  get height(): number { return this.box[3] - this.box[1]; }

  get zoneIds(): string[] { return [...this.zones].filter(([, { inside }]) => inside).map(([id]) => id); }

  /** As events tell it. */
  get state(): TrackState {
    const { speed } = this;
    return {
      ...this.track.state, stationary: this.isStationary, zones: this.zoneIds,
      ...(speed ? { speed: { frames_per_s: speed.framesPerS, metres_per_s: speed.metresPerS, heading_degrees: speed.headingDegrees } } : {}),
    };
  }
}

export function anchorOf([left, top, right, bottom]: Box, anchor: Anchor): Point {
  return [(left + right) / 2, anchor === 'base' ? bottom : (top + bottom) / 2];
}
