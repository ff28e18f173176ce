// Stored events and tracks over HTTP: searched, counted, one by one.
import {
  ErrorBody, EventCountQuery, EventCounts, EventQuery, MOST_INSTANTS, RecordedAnswer, RecordedQuery, RuthError, SeenMarks, TrackQuery, type EVENT_DIMENSIONS, type EventPage, type StoredEvent, type StoredTrack, type TrackPage,
} from '@ruth/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { assertMaySee, identityOf, maySee, type Identity } from '../access/index.ts';
import { checksBody } from '../request-body.ts';
import type { RecordedMoments } from './recorded-moments.ts';
import { cursorText, HOUR_US, parseCursor, type EventSeries, type FoundEvent, type FoundTrack, type SeriesFilter, type Store, type TimeRange, type TrackSearch } from '../store/index.ts';

type ToldEvent = Omit<StoredEvent, 'seen' | 'recorded'>;
/** A year. */
const MOST_HOURS = 24 * 366;

export function addEvents(app: FastifyInstance, store: Store, recorded: RecordedMoments): void {
  const told = (request: FastifyRequest, events: readonly FoundEvent[]): Promise<StoredEvent[]> => toldTo(request, events, store, recorded);
  app.get<{ Querystring: EventQuery }>('/api/v1/events', { schema: { querystring: EventQuery } }, async (request): Promise<EventPage> => {
    const { query } = request;
    const identity = identityOf(request);
    if (query.after !== undefined) return eventsAfter(store, request, told);
    const { events, next } = await store.read('searchEvents', {
      ...seriesFilter(query, identity), unseenBy: query.unseen === true ? personOf(identity) : null, ...timeRange(query), minScore: query.min_score ?? null, limit: query.limit ?? 50, cursor: query.cursor === undefined ? null : parseCursor(query.cursor),
    });
    return { events: await told(request, events), next_cursor: next && cursorText(next) };
  });
  app.get<{ Querystring: EventCountQuery }>('/api/v1/events/counts', { schema: { querystring: EventCountQuery, response: { 200: EventCounts, default: ErrorBody } } }, async (request): Promise<EventCounts> => {
    const { query } = request;
    const range = timeRange(query);
    if (range.endUs - range.startUs > MOST_HOURS * HOUR_US) throw new RuthError('bad_request', `start and end are more than ${MOST_HOURS} hours apart`);
    const { counts, series } = await store.read('countEvents', { ...seriesFilter(query, identityOf(request)), ...range });
    const valuesOf = new Map(series.map((one) => [one.id, valuesBy(one, query.by)]));
    const sums = new Map<string, EventCounts['counts'][number]>();
    for (const { hour, seriesId, events } of counts) {
      for (const value of valuesOf.get(seriesId) ?? []) {
        const key = `${hour} ${value}`;
        const sum = sums.get(key) ?? { hour: hour * HOUR_US / 1e6, value, events: 0 };
        sum.events += events;
        sums.set(key, sum);
      }
    }
    return { counts: [...sums.values()] };
  });
  const params = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) });
  app.get<{ Params: { id: number } }>('/api/v1/events/:id', { schema: { params } }, async (request): Promise<StoredEvent> => {
    return (await told(request, [await visibleEvent(store, request)]))[0]!;
  });
  addSeen(app, store, params);
  addRecorded(app, recorded);
  app.get<{ Querystring: TrackQuery }>('/api/v1/tracks', { schema: { querystring: TrackQuery } }, async (request): Promise<TrackPage> => {
    const { query } = request;
    const { tracks, next } = await store.read('searchTracks', {
      cameras: visible(list(query.camera), identityOf(request)), models: list(query.model), classes: list(query.class), ...timeRange(query), minScore: query.min_score ?? null, limit: query.limit ?? 50,
      cursor: query.cursor === undefined ? null : parseTrackCursor(query.cursor),
    });
    return { tracks: tracks.map(storedTrack), next_cursor: next && Buffer.from(JSON.stringify([next.firstUs, next.camera, next.model, next.trackId])).toString('base64url') };
  });
}

/** As many as are asked for are looked at, and those that may be seen are told: so it costs the same for everybody. Throws `bad_request`. */
async function eventsAfter(store: Store, request: FastifyRequest<{ Querystring: EventQuery }>, told: (request: FastifyRequest, events: readonly FoundEvent[]) => Promise<StoredEvent[]>): Promise<EventPage> {
  const { after = 0, limit = 50, ...rest } = request.query;
  if (Object.keys(rest).length > 0) throw new RuthError('bad_request', `"after" goes with "limit" alone, not with ${Object.keys(rest).join(', ')}`);
  const events = await store.read('eventsAfter', after, limit);
  const visible = events.filter(({ series: { camera } }) => camera === '' || maySee(identityOf(request), camera));
  return { events: await told(request, visible), next_cursor: null, last_event_id: events.at(-1)?.id ?? after };
}

interface OfEvent { Params: { id: number } }

function addSeen(app: FastifyInstance, store: Store, params: Type.TSchema): void {
  app.put<OfEvent>('/api/v1/events/:id/seen', { schema: { params } }, async (request, reply) => {
    const { id } = await visibleEvent(store, request);
    await store.write('markSeen', personOf(identityOf(request)), [id]);
    return reply.code(204).send();
  });
  app.delete<OfEvent>('/api/v1/events/:id/seen', { schema: { params } }, async (request, reply) => {
    await store.write('unmarkSeen', personOf(identityOf(request)), request.params.id);
    return reply.code(204).send();
  });
  app.post<{ Body: SeenMarks }>('/api/v1/events/seen', checksBody(SeenMarks), async (request, reply) => {
    const person = personOf(identityOf(request));
    const { event_ids: ids = [], before } = request.body;
    await store.write('markSeen', person, ids);
    if (before !== undefined) await store.write('markSeenBefore', person, Math.round(before * 1e6));
    return reply.code(204).send();
  });
}

/** Of what may not be seen nobody learns that it is there. Throws `not_found`. */
async function visibleEvent(store: Store, request: FastifyRequest<OfEvent>): Promise<FoundEvent> {
  const { id } = request.params;
  const found = await store.read('event', id);
  if (!found || (found.series.camera !== '' && !maySee(identityOf(request), found.series.camera))) throw new RuthError('not_found', `there is no event ${id}; it may be too old to be kept`);
  return found;
}

/** Throws `invalid_state`. */
function personOf({ userId }: Identity): number {
  if (userId === null) throw new RuthError('invalid_state', 'this token belongs to nobody who could have seen something');
  return userId;
}

/** With what is only known now: whether who asks has seen it, and whether its recording is there. */
async function toldTo(request: FastifyRequest, found: readonly FoundEvent[], store: Store, recorded: RecordedMoments): Promise<StoredEvent[]> {
  const { userId } = identityOf(request);
  const events = found.map(asStoredEvent);
  const ofCameras = events.filter(({ camera_id: camera }) => camera !== null);
  const [seen, answers] = await Promise.all([
    userId === null ? null : store.read('seenAmong', userId, found.map(({ id }) => id)),
    recorded.of(request, ofCameras.map((event) => ({ camera: event.camera_id!, at: instantOf(event.event), node: event.node ?? null }))),
  ]);
  const recordedOf = new Map(ofCameras.map((event, index) => [event.event_id, answers[index]!]));
  return events.map((event, index) => ({ ...event, seen: seen && (found[index]!.atUs < seen.beforeUs || seen.ids.has(event.event_id)), recorded: recordedOf.get(event.event_id) ?? null }));
}

/** Of the recording that shows it, UTC seconds. */
function instantOf(event: StoredEvent['event']): number {
  if ('recording_at' in event) return event.recording_at;
  if ('captured_at' in event) return event.captured_at;
  return event.type === 'recording.gap' ? event.gap.start : event.at;
}

function addRecorded(app: FastifyInstance, recorded: RecordedMoments): void {
  app.post<{ Body: RecordedQuery }>('/api/v1/recorded', checksBody(RecordedQuery, { response: { 200: RecordedAnswer, default: ErrorBody } }), async (request): Promise<RecordedAnswer> => {
    const asked = Object.entries(request.body.cameras);
    for (const [camera] of asked) assertMaySee(identityOf(request), camera);
    const moments = asked.flatMap(([camera, instants]) => instants.map((at) => ({ camera, at, node: null })));
    if (moments.length > MOST_INSTANTS) throw new RuthError('bad_request', `at most ${MOST_INSTANTS} instants can be asked for at once, not ${moments.length}`);
    const answers = (await recorded.of(request, moments)).values();
    return { cameras: Object.fromEntries(asked.map(([camera, instants]) => [camera, instants.map(() => answers.next().value!)])) };
  });
}

const list = (value: string | string[] | undefined): string[] | null => (value === undefined ? null : Array.isArray(value) ? value : [value]);
const orNull = (text: string): string | null => (text === '' ? null : text);
const zonesOf = (series: EventSeries): string[] => (series.zones === '' ? [] : series.zones.split(','));

/** What belongs to no camera is seen by all. */
function visible(cameras: string[] | null, identity: Identity): string[] | null {
  if (identity.cameras === null) return cameras;
  return cameras?.filter((camera) => maySee(identity, camera)) ?? [...identity.cameras, ''];
}

function seriesFilter(query: Pick<EventQuery, 'camera' | 'model' | 'class' | 'type' | 'zone' | 'rule'>, identity: Identity): SeriesFilter {
  return { cameras: visible(list(query.camera), identity), models: list(query.model), classes: list(query.class), types: list(query.type), zones: list(query.zone), rules: list(query.rule) };
}

/** Throws `bad_request` where the end is before the start. */
function timeRange({ start = 0, end = 1e10 }: { start?: number; end?: number }): TimeRange {
  if (end <= start) throw new RuthError('bad_request', `end (${end}) must be after start (${start})`);
  return { startUs: Math.round(start * 1e6), endUs: Math.round(end * 1e6) };
}

/** As it is told to others, without what depends on who asks, and when. */
export function asStoredEvent({ id, node, source, atUs, score, series, body }: FoundEvent): ToldEvent {
  return {
    event_id: id, source, ...(node !== null && { node }), at: atUs / 1e6, type: series.type, camera_id: orNull(series.camera), model_id: orNull(series.model), class_name: orNull(series.class_name),
    zones: zonesOf(series), rule: orNull(series.rule), score, event: JSON.parse(body) as StoredEvent['event'],
  };
}

function storedTrack(track: FoundTrack): StoredTrack {
  return {
    camera_id: track.camera, model_id: track.model, track_id: track.track_id, first_seen: track.first_us / 1e6, last_seen: track.last_us / 1e6,
    class_name: track.class_name, score: track.score, end_reason: track.end_reason, event: JSON.parse(track.body) as StoredTrack['event'],
  };
}

function valuesBy(series: EventSeries, by: (typeof EVENT_DIMENSIONS)[number] | undefined): (string | null)[] {
  switch (by) {
    case undefined: return [null];
    case 'camera': return [orNull(series.camera)];
    case 'model': return [orNull(series.model)];
    case 'class': return [orNull(series.class_name)];
    case 'type': return [series.type];
    case 'zone': return zonesOf(series).length === 0 ? [null] : zonesOf(series);
    case 'rule': return [orNull(series.rule)];
  }
}

/** Throws `bad_request`. */
function parseTrackCursor(text: string): TrackSearch['cursor'] {
  try {
    const [firstUs, camera, model, trackId] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if (Number.isSafeInteger(firstUs) && typeof camera === 'string' && typeof model === 'string' && Number.isSafeInteger(trackId)) return { firstUs: firstUs as number, camera, model, trackId: trackId as number };
  } catch { /* said below */ }
  throw new RuthError('bad_request', `${JSON.stringify(text.slice(0, 40))} is no cursor; take next_cursor of the page before`);
}
