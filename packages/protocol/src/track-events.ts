// Contract 4, events about tracks: what began, goes on and ended, the best sight of it, and the way it went.
import Type, { type Static } from 'typebox';
import { eventEnvelope } from './event-envelope.ts';
import { Box } from './inference.ts';

const Count = Type.Integer({ minimum: 0 });
const Time = Type.Number({ description: 'UTC, seconds' });
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

export const TrackState = Type.Object({
  id: Type.Integer({ minimum: 1, description: 'Stable while the track lives, within one camera, model and run of core' }),
  class_id: Count, class_name: Type.String(), confidence: Type.Number({ minimum: 0, maximum: 1 }), bbox: Box,
  first_seen: Time, last_seen: Time,
  stationary: Type.Optional(Type.Boolean({ description: 'It has not moved for some seconds; told at once when that changes' })),
  zones: Type.Optional(Type.Array(Type.String(), { description: 'Zones it is in' })),
  speed: Type.Optional(Type.Object({
    frames_per_s: Type.Number({ minimum: 0, description: 'Heights of the picture in a second' }),
    metres_per_s: Nullable(Type.Number({ minimum: 0, description: 'Null without a ground plane' })),
    heading_degrees: Nullable(Type.Number({ minimum: 0, maximum: 360, description: 'On the screen, clockwise from up; null while it hardly moves' })),
  })),
});
export type TrackState = Static<typeof TrackState>;

/** The sight of a track that shows it best: large, sharp, confident, not cut by the edge of the picture. */
export const BestSight = Type.Object({
  frame_id: Count, captured_at: Time,
  recording_at: Type.Number({ description: 'UTC, seconds; the instant of the recording that shows it: snapshot.jpg?at=' }),
  bbox: Box, confidence: Type.Number({ minimum: 0, maximum: 1 }),
  sharpness: Nullable(Type.Number({ minimum: 0, description: 'Variance of the Laplacian of luma inside the box, squared levels: blur lowers it; null where the frame was gone' })),
});
export type BestSight = Static<typeof BestSight>;

/** `gone`: not seen by looks that could have seen it. `could_not_look`: there were no looks for too long. `camera_gone`: the stream ended or began anew. */
export const TRACK_END_REASONS = ['gone', 'could_not_look', 'camera_gone'] as const;
export type TrackEndReason = (typeof TRACK_END_REASONS)[number];

/** `frame_id` and `captured_at` are of the frame in which the track was last seen, also when it has ended. Updates come at most once a second; of a stationary one only as it comes to rest and moves again. */
export const TrackEvent = Type.Object({
  ...eventEnvelope, type: Type.Enum(['track.started', 'track.updated', 'track.ended']), camera_id: Type.String(), model_id: Type.String(),
  frame_id: Count, captured_at: Time, track: TrackState,
  best: Type.Optional(BestSight),
  trajectory: Type.Optional(Type.Array(Type.Tuple([Time, Type.Number(), Type.Number()]), { maxItems: 128, description: 'Of an ended track: [UTC seconds, x, y] of its base point, simplified' })),
  reason: Type.Optional(Type.Enum([...TRACK_END_REASONS], { description: 'Why it ended' })),
});
export type TrackEvent = Static<typeof TrackEvent>;
