// Which view the page shows, kept in the address after `#`: it can be linked to, and the browser's back button works.
import { useSyncExternalStore } from 'react';
import { ID_PATTERN } from '@ruth/protocol';
import { eventFilterQuery, parseEventFilter, type EventFilter } from './events/event-filter.ts';

export type View =
  /** `cameraId`: the camera that has the view to itself; null shows the grid. `atS`: what was recorded then is shown in its place, seconds UTC. */
  | { readonly name: 'live'; readonly cameraId: string | null; readonly atS?: number }
  /** `cameraId` null: the first camera. `beside`: others, in step with it. `atS`: where to play from, seconds UTC. */
  | { readonly name: 'recordings'; readonly cameraId: string | null; readonly beside?: readonly string[]; readonly atS: number | null }
  /** `eventId`: the one that is shown. */
  | { readonly name: 'events'; readonly filter: EventFilter; readonly eventId: number | null }
  /** `cameraId` null: all, or a new one. */
  | { readonly name: 'cameras'; readonly cameraId: null; readonly page: 'list' | 'add' } | { readonly name: 'cameras'; readonly cameraId: string; readonly page: CameraPageName }
  | { readonly name: 'welcome' }
  | { readonly name: 'people'; readonly page: PeoplePageName }
  | { readonly name: 'models' }
  | { readonly name: 'system' };
export type ViewName = View['name'];
export const PEOPLE_PAGES = ['account', 'people', 'tokens', 'audit'] as const;
export type PeoplePageName = (typeof PEOPLE_PAGES)[number];
export const CAMERA_PAGES = ['scene', 'rules', 'settings'] as const;
export type CameraPageName = (typeof CAMERA_PAGES)[number];

export const LIVE: View = { name: 'live', cameraId: null };
const idRegExp = new RegExp(ID_PATTERN);

/**
 * `#/live/<camera>[?at=<seconds UTC>]`, `#/recordings/<camera>[,<camera> in step...]?at=<seconds UTC>`, `#/events/<event>?<filter>`,
 * `#/cameras`, `#/cameras/+` (a new one), `#/cameras/<camera>/<page>`, `#/models`, `#/system`, `#/people/<page>`, `#/welcome` (the first run); whatever else is said is the live view.
 */
export function parseView(hash: string): View {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?');
  const [, name, id, page] = path.split('/');
  const cameraId = id && idRegExp.test(id) ? id : null;
  if (name === 'events') return { name, filter: parseEventFilter(new URLSearchParams(query)), eventId: /^[1-9]\d{0,15}$/.test(id ?? '') ? Number(id) : null };
  if (name === 'models' || name === 'system' || name === 'welcome') return { name };
  if (name === 'people') return { name, page: PEOPLE_PAGES.find((each) => each === id) ?? 'account' };
  if (name === 'cameras') return cameraId === null ? { name, cameraId, page: id === '+' ? 'add' : 'list' } : { name, cameraId, page: CAMERA_PAGES.find((each) => each === page) ?? 'scene' };
  const at = Number(new URLSearchParams(query).get('at') ?? Number.NaN);
  const atS = Number.isFinite(at) && at > 0 ? at : null;
  if (name !== 'recordings') return name === 'live' ? { name, cameraId, ...(cameraId !== null && atS !== null ? { atS } : {}) } : LIVE;
  const [first = null, ...beside] = [...new Set((id ?? '').split(','))].filter((each) => idRegExp.test(each));
  return { name, cameraId: first, ...(beside.length > 0 ? { beside } : {}), atS };
}

export function addressOf(view: View): string {
  if (view.name === 'models' || view.name === 'system' || view.name === 'welcome') return `#/${view.name}`;
  if (view.name === 'events') {
    const query = eventFilterQuery(view.filter).toString();
    return `#/events${view.eventId === null ? '' : `/${view.eventId}`}${query === '' ? '' : `?${query}`}`;
  }
  if (view.name === 'people') return `#/people/${view.page}`;
  if (view.name === 'cameras') return view.cameraId === null ? `#/cameras${view.page === 'add' ? '/+' : ''}` : `#/cameras/${view.cameraId}/${view.page}`;
  const camera = view.cameraId === null ? '' : `/${view.cameraId}`;
  const at = view.atS == null ? '' : `?at=${view.atS.toFixed(3).replace(/\.?0+$/, '')}`;
  if (view.name === 'live') return camera === '' ? '#/' : `#/live${camera}${at}`;
  return `#/recordings${[camera, ...view.beside ?? []].join(',')}${at}`;
}

/** Takes the place of the present view: what is scrubbed or paged through makes no history. Whoever shows the view hears of it at once, as of any address. */
export function replaceView(view: View): void {
  history.replaceState(null, '', addressOf(view));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

const subscribe = (listener: () => void): (() => void) => {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
};

export function useView(): View {
  return parseView(useSyncExternalStore(subscribe, () => location.hash));
}
