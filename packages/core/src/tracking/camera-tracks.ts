// The tracks of one camera and model: gives the detections of each look their track's id, and says which tracks live and which
// have ended. A new epoch of the stream, in which nothing is comparable with what was before, starts over.
import type { Box, Detection, Look, TrackEndReason, TrackState } from '@ruth/protocol';
import { appearanceOf } from './appearance.ts';
import { bufferedIou } from './overlap.ts';
import type { Wanted } from './reidentification.ts';
import type { Track } from './object-track.ts';
import { NO_THRESHOLDS, type Thresholds } from './thresholds.ts';
import { Tracker } from './tracker.ts';
import { TRACKER_DEFAULTS } from './tracker-settings.ts';

/** A container has already left out what nobody asked for: all that it reports may carry a track on. */
const SETTINGS = { ...TRACKER_DEFAULTS, doubtful: 0 };

/** A track as it was last seen. */
export interface FollowedTrack {
  readonly state: TrackState;
  /** The look that saw it last. */
  readonly sight: Sight;
  /** Seconds of the stream. */
  readonly firstSeenS: number;
  readonly seenAtS: number;
  /** In the look that was followed last; otherwise it is lost, and may come back. */
  readonly isSeen: boolean;
}

/** Which look it was. `recording_at`: the instant of the recording that shows it, UTC, seconds. */
export interface Sight { readonly frame_id: number; readonly captured_at: number; readonly recording_at: number }

/** A frame that was not looked at. */
export type HeldFrame = Pick<Look, 'frame_id' | 'captured_at' | 'pts_us' | 'epoch'>;

export interface EndedTrack { readonly track: FollowedTrack; readonly reason: TrackEndReason }

export interface Following {
  /** With the ids of tracks. */
  readonly look: Look;
  /** Seconds of the stream. */
  readonly nowS: number;
  readonly sight: Sight;
  readonly tracks: readonly FollowedTrack[];
  readonly ended: readonly EndedTrack[];
}

interface Described extends Wanted { readonly detection: Detection }

/** Frames whose answers are awaited. */
const MOST_ASKED = 32;
/** IoU of a box and the region that was looked at for it. */
const LEAST_OVERLAP = 0.3;

export class CameraTracks {
  readonly #tracker = new Tracker(SETTINGS);
  #known = new Map<number, FollowedTrack>();
  /** By class id, as the model told them. */
  readonly #classNames = new Map<number, string>();
  /** The last look, as it is told, and which of its detections the tracker was given. */
  #told: { readonly frameId: number; readonly detections: readonly Detection[]; readonly counted: readonly number[] } | null = null;
  /** By frame: who was asked to be described. */
  readonly #asked = new Map<number, readonly Described[]>();
  #epoch: number | null = null;
  #lastS = -Infinity;

  /** To be called with each look that was answered, in order. Detections for which `counts` is false belong to no track; those that are too unsure begin none, or are not told. */
  follow(look: Look, recordingAt: number, counts: (box: Box, className: string) => boolean = () => true, { told, begins }: Thresholds = NO_THRESHOLDS): Following {
    const nowS = look.pts_us / 1e6;
    const isNewStream = (this.#epoch !== null && look.epoch !== this.#epoch) || nowS < this.#lastS;
    const ended = isNewStream ? this.end('camera_gone') : [];
    this.#epoch = look.epoch;
    const sight = { frame_id: look.frame_id, captured_at: look.captured_at, recording_at: recordingAt };
    const counted = [...look.detections.keys()].filter((index) => counts(look.detections[index]!.bbox, look.detections[index]!.class_name));
    for (const index of counted) this.#classNames.set(look.detections[index]!.class_id, look.detections[index]!.class_name);
    const tracks = new Map<number, FollowedTrack>();
    const idOfDetection = new Map<number, number>();
    for (const track of this.#tracker.update(counted.map((index) => look.detections[index]!), nowS, begins)) {
      const before = this.#known.get(track.id);
      if (track.detectionIndex === null) {
        if (before) tracks.set(track.id, before.isSeen ? { ...before, isSeen: false } : before);
        continue;
      }
      const index = counted[track.detectionIndex]!;
      idOfDetection.set(index, track.id);
      tracks.set(track.id, { state: stateOf(track, this.#classNames.get(track.classId)!, look.captured_at, nowS), sight, firstSeenS: track.firstSeenS, seenAtS: nowS, isSeen: true });
    }
    // A silence in which it would have ended says nothing of it.
    const reason = nowS - this.#lastS > TRACKER_DEFAULTS.lostS ? 'could_not_look' : 'gone';
    for (const [id, track] of this.#known) if (!tracks.has(id)) ended.push({ track: { ...track, isSeen: false }, reason });
    this.#known = tracks;
    this.#lastS = nowS;
    const all = look.detections.map((detection, index) => ({ ...detection, track_id: idOfDetection.get(index) ?? null }));
    this.#told = { frameId: look.frame_id, detections: all, counted };
    const detections = all.filter(({ confidence }) => confidence >= told);
    return { look: { ...look, detections }, nowS, sight, tracks: [...tracks.values()], ended };
  }

  /** Nothing moved in that frame: what the last look saw is where it was, for longer. Null where the frame is none of this stream, or no later one. */
  hold({ frame_id, captured_at, pts_us, epoch }: HeldFrame, recordingAt: number): Pick<Following, 'nowS' | 'sight' | 'tracks'> | null {
    const nowS = pts_us / 1e6;
    if (epoch !== this.#epoch || !(nowS > this.#lastS)) return null;
    this.#tracker.hold(nowS);
    this.#lastS = nowS;
    for (const [id, track] of this.#known) if (track.isSeen) this.#known.set(id, { ...track, seenAtS: nowS });
    return { nowS, sight: { frame_id, captured_at, recording_at: recordingAt }, tracks: [...this.#known.values()] };
  }

  /** How many tracks were known again by what they look like, after they had been hidden. */
  get identitiesKept(): number { return this.#tracker.identitiesKept; }

  /** What in that frame the tracker would like to have described; nothing where it is not the last one that was followed. */
  wanted(frameId: number): Detection[] { return this.#wantedIn(frameId).map(({ detection }) => detection); }

  /** A model was asked for the vectors of these boxes of the frame. */
  asked(frameId: number, boxes: readonly Box[]): void {
    const wanted = this.#wantedIn(frameId);
    const chosen = boxes.flatMap((box) => at(wanted, box) ?? []);
    this.#tracker.asked(chosen);
    this.#asked.set(frameId, chosen);
    for (const oldest of this.#asked.keys()) if (this.#asked.size > MOST_ASKED) this.#asked.delete(oldest);
  }

  /** What the model answered. Boxes that nobody asked for, and vectors without a length, say nothing. */
  describe(frameId: number, detections: readonly Detection[]): void {
    // Looks that were kept come without the question.
    if (!this.#asked.has(frameId)) this.asked(frameId, detections.map(({ bbox }) => bbox));
    const asked = this.#asked.get(frameId)!;
    this.#asked.delete(frameId);
    for (const { bbox, embedding } of detections) {
      const vector = embedding && appearanceOf(embedding);
      if (vector) at(asked, bbox)?.subject.describe(vector);
    }
  }

  #wantedIn(frameId: number): Described[] {
    const told = this.#told;
    if (told?.frameId !== frameId) return [];
    return this.#tracker.wanted().map((wanted) => ({ ...wanted, detection: told.detections[told.counted[wanted.detectionIndex]!]! }));
  }

  /** Ends all tracks; ids go on. */
  end(reason: TrackEndReason): EndedTrack[] {
    this.#tracker.reset();
    const ended = [...this.#known.values()].map((track) => ({ track: { ...track, isSeen: false }, reason }));
    this.#known.clear();
    this.#asked.clear();
    this.#told = null;
    this.#lastS = -Infinity;
    return ended;
  }
}

/** Whose box it is; a region is a box with a margin. */
function at(described: readonly Described[], box: Box): Described | null {
  let [best, most]: [Described | null, number] = [null, LEAST_OVERLAP];
  for (const each of described) {
    const overlap = bufferedIou(each.detection.bbox, box);
    if (overlap >= most) [best, most] = [each, overlap];
  }
  return best;
}

/** Of a track that was seen in this look. */
function stateOf(track: Track, class_name: string, capturedAt: number, nowS: number): TrackState {
  return {
    id: track.id, class_id: track.classId, class_name, confidence: track.confidence, bbox: track.box.map((value) => Math.min(Math.max(value, 0), 1)) as Box,
    first_seen: capturedAt - (nowS - track.firstSeenS), last_seen: capturedAt,
  };
}
