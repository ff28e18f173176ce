// The tracks of one camera and model: gives the detections of each look their track's id, and says what began, goes on
// and ended. A new epoch of the stream, in which nothing is comparable with what was before, starts over.
import type { Box, Look, TrackEvent, TrackState } from '@ruth/protocol';
import { Tracker, TRACKER_DEFAULTS, type Track } from './tracker.ts';

export type TrackEventContent = Omit<TrackEvent, 'id' | 'version' | 'at'>;

/** Of each track. */
const UPDATE_INTERVAL_S = 1;
/** A container has already left out what is below its model's threshold: all that it reports may begin a track. */
const SETTINGS = { ...TRACKER_DEFAULTS, confident: 0, doubtful: 0 };

/** A track as its last event would tell it. */
interface KnownTrack {
  readonly content: Omit<TrackEventContent, 'type'>;
  /** Stream time of its last event. */
  readonly toldS: number;
}

export class CameraTracks {
  readonly #tracker = new Tracker(SETTINGS);
  readonly #known = new Map<number, KnownTrack>();
  #epoch: number | null = null;

  /** To be called with each look that was answered, in order. Returns the look with ids, and what is to be told after it. */
  follow(look: Look): { look: Look; events: TrackEventContent[] } {
    const events = look.epoch === this.#epoch ? [] : this.end();
    this.#epoch = look.epoch;
    const nowS = look.pts_us / 1e6;
    const tracks = this.#tracker.update(look.detections, nowS);
    const live = new Set(tracks.map(({ id }) => id));
    for (const [id, { content }] of this.#known) {
      if (live.has(id)) continue;
      events.push({ type: 'track.ended', ...content });
      this.#known.delete(id);
    }
    const idOfDetection = new Map<number, number>();
    for (const track of tracks) {
      if (track.detectionIndex === null) continue;
      idOfDetection.set(track.detectionIndex, track.id);
      const before = this.#known.get(track.id);
      const content = contentOf(track, look, nowS);
      const isTold = before === undefined || nowS - before.toldS >= UPDATE_INTERVAL_S;
      if (isTold) events.push({ type: before ? 'track.updated' : 'track.started', ...content });
      this.#known.set(track.id, { content, toldS: isTold ? nowS : before.toldS });
    }
    const detections = look.detections.map((detection, index) => ({ ...detection, track_id: idOfDetection.get(index) ?? null }));
    return { look: { ...look, detections }, events };
  }

  /** Ends all tracks, and says so; ids go on. */
  end(): TrackEventContent[] {
    this.#tracker.reset();
    const events = [...this.#known.values()].map(({ content }): TrackEventContent => ({ type: 'track.ended', ...content }));
    this.#known.clear();
    return events;
  }
}

/** Of a track that was seen in this look. */
function contentOf(track: Track, look: Look, nowS: number): KnownTrack['content'] {
  const { class_name } = look.detections[track.detectionIndex!]!;
  const state: TrackState = {
    id: track.id, class_id: track.classId, class_name, confidence: track.confidence, bbox: track.box.map((value) => Math.min(Math.max(value, 0), 1)) as Box,
    first_seen: look.captured_at - (nowS - track.firstSeenS), last_seen: look.captured_at,
  };
  return { camera_id: look.camera_id, model_id: look.model_id, frame_id: look.frame_id, captured_at: look.captured_at, track: state };
}
