// All drops of the node by where they happened and why, the most first.
import type { CameraStatus, DropCause, SubscriptionStatus } from '@ruth/protocol';

export interface DropSum { readonly where: string; readonly cause: string; readonly count: number; /** Names of the cameras, the worst first. */ readonly cameras: readonly string[] }

/** What a cause of core's means, by the words of the cause. */
const LOOK_CAUSES: Record<DropCause, string> = {
  busy: 'the model was still at the picture before', overloaded: 'other cameras had their turn: the model has more to do than it can', deadline: 'the answer came too late', overwritten: 'the picture was gone before it was read',
  no_container: 'the model does not run', circuit_open: 'the model failed many times in a row', error: 'the model answered nonsense', no_regions: 'there was nothing to look at', no_motion: 'nothing moved', stopped: 'it was told to stop',
};
export const CAUSE_WORDS: ReadonlyMap<string, string> = new Map(Object.entries(LOOK_CAUSES).map(([cause, words]) => [causeText(cause), words]));

function causeText(cause: string): string { return cause.replaceAll('_', ' '); }

export function dropSums(cameras: readonly CameraStatus[], subscriptions: readonly SubscriptionStatus[]): DropSum[] {
  const sums = new Map<string, { where: string; cause: string; by: Map<string, number> }>();
  const add = (where: string, cameraId: string, counts: Readonly<Record<string, number>>): void => {
    for (const [cause, count] of Object.entries(counts)) {
      if (count === 0) continue;
      const sum = sums.get(`${where} ${cause}`) ?? { where, cause: causeText(cause), by: new Map<string, number>() };
      sums.set(`${where} ${cause}`, sum);
      sum.by.set(cameraId, (sum.by.get(cameraId) ?? 0) + count);
    }
  };
  for (const { camera_id, drops, recording, packets_lost } of cameras) {
    add('Frames not published', camera_id, drops);
    add('Pictures not recorded', camera_id, recording.drops);
    add('Packets not received', camera_id, { 'lost on the way': packets_lost });
  }
  for (const { camera_id, drops } of subscriptions) add('Frames not looked at', camera_id, drops);
  const nameOf = (id: string): string => cameras.find(({ camera_id }) => camera_id === id)?.name ?? id;
  return [...sums.values()].map(({ where, cause, by }) => ({
    where, cause, count: [...by.values()].reduce((sum, count) => sum + count, 0), cameras: [...by].toSorted((a, b) => b[1] - a[1]).map(([id]) => nameOf(id)),
  })).toSorted((a, b) => b.count - a.count);
}
