// Says, where a time is not recorded, which times near it are.
import { RuthError } from '@ruth/protocol';
import type { ArchiveView } from '../archive/index.ts';

const NEAR_US = 86_400e6;

/** The error to throw. Throws `camera_not_found` where there never was such a camera. */
export async function notRecorded(archive: ArchiveView, cameraId: string, startUs: number, endUs: number): Promise<RuthError> {
  const { spans, oldest, newest } = await archive.timeline(cameraId, Math.max(0, startUs - NEAR_US), endUs + NEAR_US);
  if (oldest === null || newest === null) return new RuthError('not_recorded', `nothing of ${cameraId} is recorded yet`);
  const before = spans.filter(({ end }) => end * 1e6 <= startUs + 1).at(-1)?.end ?? (newest * 1e6 <= startUs ? newest : null);
  const after = spans.find(({ start }) => start * 1e6 >= endUs - 1)?.start ?? (oldest * 1e6 >= endUs ? oldest : null);
  const near = [...(before === null ? [] : [`up to ${isoOfS(before)}`]), ...(after === null ? [] : [`from ${isoOfS(after)} on`])];
  return new RuthError('not_recorded', `nothing of ${cameraId} is recorded ${startUs + 1 >= endUs ? `at ${isoOfUs(startUs)}` : `between ${isoOfUs(startUs)} and ${isoOfUs(endUs)}`}${near.length > 0 ? `; recorded is ${near.join(' and ')}` : ''}`);
}

export const isoOfUs = (us: number): string => new Date(us / 1000).toISOString();
const isoOfS = (s: number): string => isoOfUs(s * 1e6);
