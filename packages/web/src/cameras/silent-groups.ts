// Cameras that send nothing, together where it is for the same reason: what to do is then said once.
import type { CameraStatus } from '@ruth/protocol';
import { adviceFor } from '../camera/tile-condition.ts';

export interface SilentGroup { readonly code: string; /** `20 cameras cannot be reached`. */ readonly title: string; readonly advice: string | null; readonly cameras: readonly CameraStatus[] }

type Words = (count: number) => string;
const verb = (singular: string, plural: string, rest: string): Words => (count) => `${count === 1 ? singular : plural} ${rest}`;
const WORDS: Readonly<Record<string, Words>> = {
  camera_unreachable: verb('cannot', 'cannot', 'be reached'), camera_unauthorized: verb('refuses', 'refuse', 'user and password'), camera_protocol: verb('does', 'do', 'not answer as a camera does'),
  camera_no_video: verb('sends', 'send', 'no video that can be read'), camera_stalled: verb('has', 'have', 'stopped sending'),
};
const NOTHING = verb('sends', 'send', 'nothing');

/** One that connects for the first time has no trouble yet. */
export function isSilent({ state, last_error: error }: CameraStatus): boolean {
  return state === 'down' || state === 'stalled' || (state === 'connecting' && error !== null);
}

/** The most cameras first. */
export function silentGroups(cameras: readonly CameraStatus[]): SilentGroup[] {
  const byCode = Map.groupBy(cameras.filter(isSilent), ({ state, last_error: error }) => error?.code ?? (state === 'stalled' ? 'camera_stalled' : ''));
  return [...byCode].map(([code, alike]) => ({
    code, title: `${alike.length} ${alike.length === 1 ? 'camera' : 'cameras'} ${(WORDS[code] ?? NOTHING)(alike.length)}`, advice: adviceFor(alike[0]!.last_error), cameras: alike,
  })).toSorted((a, b) => b.cameras.length - a.cameras.length);
}
