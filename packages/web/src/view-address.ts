// Which view the page shows, kept in the address after `#`: it can be linked to, and the browser's back button works.
import { useSyncExternalStore } from 'react';
import { ID_PATTERN } from '@ruth/protocol';

export type View =
  /** `cameraId`: the camera that has the view to itself; null shows the grid. */
  | { readonly name: 'live'; readonly cameraId: string | null }
  /** `cameraId` null: the first camera. `atS`: where to play from, seconds UTC. */
  | { readonly name: 'recordings'; readonly cameraId: string | null; readonly atS: number | null }
  | { readonly name: 'models' }
  | { readonly name: 'system' };
export type ViewName = View['name'];

export const LIVE: View = { name: 'live', cameraId: null };
const idRegExp = new RegExp(ID_PATTERN);

/** `#/live/<camera>`, `#/recordings/<camera>?at=<seconds UTC>`, `#/models`, `#/system`; whatever else is said is the live view. */
export function parseView(hash: string): View {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?');
  const [, name, id] = path.split('/');
  const cameraId = id && idRegExp.test(id) ? id : null;
  if (name === 'models' || name === 'system') return { name };
  if (name !== 'recordings') return name === 'live' ? { name, cameraId } : LIVE;
  const at = Number(new URLSearchParams(query).get('at') ?? Number.NaN);
  return { name, cameraId, atS: Number.isFinite(at) && at > 0 ? at : null };
}

export function addressOf(view: View): string {
  if (view.name === 'models' || view.name === 'system') return `#/${view.name}`;
  const camera = view.cameraId === null ? '' : `/${view.cameraId}`;
  if (view.name === 'live') return camera === '' ? '#/' : `#/live${camera}`;
  return `#/recordings${camera}${view.atS === null ? '' : `?at=${view.atS.toFixed(3).replace(/\.?0+$/, '')}`}`;
}

/** Takes the place of the present address: what is scrubbed through makes no history. */
export function replaceView(view: View): void {
  history.replaceState(null, '', addressOf(view));
}

const subscribe = (listener: () => void): (() => void) => {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
};

export function useView(): View {
  return parseView(useSyncExternalStore(subscribe, () => location.hash));
}
