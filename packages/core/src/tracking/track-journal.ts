// What is told of the life of tracks: that they began, how they are, the best sight of each, and that they ended, with the way they went.
import type { BestSight, Box, TrackEvent, TrackState } from '@ruth/protocol';
import type { EndedTrack, FollowedTrack, Sight } from './camera-tracks.ts';
import { Trajectory } from './trajectory.ts';

export type TrackEventContent = Omit<TrackEvent, 'id' | 'version' | 'at'>;

/** Of each track. */
const UPDATE_INTERVAL_S = 1;
/** A sight must be so much better than the best one to be taken: a best sight is not a new one in each look. */
const BETTER = 1.1;
/** What touches the edge of the picture is cut by it. */
const EDGE = 0.004;
const CUT = 0.5;
/** Of each track. */
const READ_INTERVAL_S = 1;
/** However much sharper: that counts as so much larger at most. */
const MOST_SHARPER = 2;

interface Life {
  /** Seconds of the stream at its last event. */
  toldS: number;
  toldStationary: boolean;
  best: BestSight | null;
  bestWorth: number;
  /** When its sharpness was read last. */
  readS: number;
  readonly trajectory: Trajectory;
}

export interface JournalOptions {
  readonly cameraId: string;
  readonly modelId: string;
  /** How sharp the frame is inside the box (motion/sharpness.ts), where it is still there. */
  sharpness?(frameId: number, box: Box): number | null;
}

export class TrackJournal {
  readonly #options: JournalOptions;
  readonly #lives = new Map<number, Life>();

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** To be called for each track that is seen in a look, with its state as events tell it. */
  see({ sight, seenAtS }: FollowedTrack, state: TrackState): TrackEventContent[] {
    const known = this.#lives.get(state.id);
    const life = known ?? { toldS: seenAtS, toldStationary: false, best: null, bestWorth: 0, readS: -Infinity, trajectory: new Trajectory() };
    this.#lives.set(state.id, life);
    const [left, , right, bottom] = state.bbox;
    life.trajectory.add(sight.captured_at, (left + right) / 2, bottom);
    this.#judge(life, sight, state, seenAtS);
    const stationary = state.stationary ?? false;
    const turned = known !== undefined && stationary !== life.toldStationary;
    if (known && !turned && (stationary || seenAtS - life.toldS < UPDATE_INTERVAL_S)) return [];
    life.toldS = seenAtS;
    life.toldStationary = stationary;
    return [this.#content(known ? 'track.updated' : 'track.started', sight, state, life)];
  }

  end({ track, reason }: EndedTrack, state: TrackState): TrackEventContent[] {
    const life = this.#lives.get(state.id);
    this.#lives.delete(state.id);
    return life ? [{ ...this.#content('track.ended', track.sight, state, life), trajectory: life.trajectory.points(), reason }] : [];
  }

  /** Large, confident, sharp, not cut by the edge. */
  #judge(life: Life, sight: Sight, { bbox, confidence }: TrackState, nowS: number): void {
    const [left, top, right, bottom] = bbox;
    const isCut = left <= EDGE || top <= EDGE || right >= 1 - EDGE || bottom >= 1 - EDGE;
    const worth = Math.sqrt((right - left) * (bottom - top)) * confidence * (isCut ? CUT : 1);
    // Pixels are read only where it may become the best; by being sharper alone, now and then.
    const isLarger = worth > life.bestWorth * BETTER;
    if (!isLarger && (life.best?.sharpness == null || worth <= life.bestWorth / BETTER || nowS - life.readS < READ_INTERVAL_S)) return;
    life.readS = nowS;
    const sharpness = this.#options.sharpness?.(sight.frame_id, bbox) ?? null;
    const bestSharpness = life.best?.sharpness ?? null;
    const sharper = sharpness !== null && bestSharpness !== null ? Math.min(Math.max(Math.sqrt((sharpness + 1) / (bestSharpness + 1)), 1 / MOST_SHARPER), MOST_SHARPER) : 1;
    if (life.best && worth * sharper <= life.bestWorth * BETTER) return;
    life.best = { ...sight, bbox, confidence, sharpness };
    life.bestWorth = worth;
  }

  #content(type: TrackEvent['type'], sight: Sight, track: TrackState, { best }: Life): TrackEventContent {
    const { cameraId, modelId } = this.#options;
    return { type, camera_id: cameraId, model_id: modelId, frame_id: sight.frame_id, captured_at: sight.captured_at, track, ...(best ? { best } : {}) };
  }
}
