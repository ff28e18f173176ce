// Which events the view shows, as it stands in the address, and as the server is asked for them.
import { ID_PATTERN } from '@ruth/protocol';

export const PERIODS = { '1h': 3600, '24h': 86_400, '7d': 604_800, all: null } as const;
export type Period = keyof typeof PERIODS;

/** Kinds of events that are looked through together. `matters`: what somebody may have to do something about. */
export const EVENT_KINDS = {
  matters: ['alert.raised', 'fall', 'object.left', 'object.removed', 'zone.entered', 'line.crossed', 'dwell', 'camera.down', 'model.down', 'recording.gap', 'recording.storage'],
  alerts: ['alert.raised', 'alert.cleared'],
  zones: ['zone.entered', 'zone.left', 'line.crossed', 'dwell', 'occupancy'],
  people: ['fall', 'posture'],
  objects: ['object.left', 'object.removed'],
  tracks: ['track.started', 'track.ended'],
  system: ['camera.up', 'camera.down', 'model.up', 'model.down', 'recording.gap', 'recording.storage', 'gap'],
  all: null,
} as const satisfies Record<string, readonly string[] | null>;
export type EventKind = keyof typeof EVENT_KINDS;

export interface EventFilter {
  readonly kind: EventKind;
  readonly period: Period;
  readonly cameraId: string | null;
  readonly className: string | null;
  readonly zone: string | null;
  /** 0..1 */
  readonly minScore: number;
}

export const EVERY_EVENT: EventFilter = { kind: 'matters', period: '24h', cameraId: null, className: null, zone: null, minScore: 0 };
const idRegExp = new RegExp(ID_PATTERN);
const idOrNull = (text: string | null): string | null => (text !== null && idRegExp.test(text) ? text : null);
const oneOf = <K extends string>(text: string | null, known: Readonly<Record<K, unknown>>, fallback: K): K => (text !== null && Object.hasOwn(known, text) ? text as K : fallback);

/** What makes no sense is left out. */
export function parseEventFilter(query: URLSearchParams): EventFilter {
  const score = Number(query.get('score') ?? 0);
  const className = query.get('class');
  return {
    kind: oneOf(query.get('kind'), EVENT_KINDS, EVERY_EVENT.kind), period: oneOf(query.get('period'), PERIODS, EVERY_EVENT.period), cameraId: idOrNull(query.get('camera')), zone: idOrNull(query.get('zone')),
    className: className !== null && className.length > 0 && className.length <= 128 ? className : null, minScore: score > 0 && score <= 1 ? score : 0,
  };
}

/** Only what differs from what is shown unless told. */
export function eventFilterQuery({ kind, period, cameraId, className, zone, minScore }: EventFilter): URLSearchParams {
  const query = new URLSearchParams();
  if (kind !== EVERY_EVENT.kind) query.set('kind', kind);
  if (period !== EVERY_EVENT.period) query.set('period', period);
  if (cameraId !== null) query.set('camera', cameraId);
  if (className !== null) query.set('class', className);
  if (zone !== null) query.set('zone', zone);
  if (minScore > 0) query.set('score', String(minScore));
  return query;
}

/** For GET /api/v1/events. `nowS`: seconds UTC. */
export function eventApiQuery({ kind, period, cameraId, className, zone, minScore }: EventFilter, nowS: number): URLSearchParams {
  const query = new URLSearchParams();
  for (const type of EVENT_KINDS[kind] ?? []) query.append('type', type);
  if (cameraId !== null) query.set('camera', cameraId);
  if (className !== null) query.set('class', className);
  if (zone !== null) query.set('zone', zone);
  if (minScore > 0) query.set('min_score', String(minScore));
  const span = PERIODS[period];
  if (span !== null) query.set('start', String(Math.floor(nowS - span)));
  return query;
}
