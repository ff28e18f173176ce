// All drops of the node by where they happened and why, the most first.
import type { CameraStatus, SubscriptionStatus } from '@ruth/protocol';

export interface DropSum { readonly where: string; readonly cause: string; readonly count: number; /** Names of the cameras, the worst first. */ readonly cameras: readonly string[] }

export function dropSums(cameras: readonly CameraStatus[], subscriptions: readonly SubscriptionStatus[]): DropSum[] {
  const sums = new Map<string, { where: string; cause: string; by: Map<string, number> }>();
  const add = (where: string, cameraId: string, counts: Readonly<Record<string, number>>): void => {
    for (const [cause, count] of Object.entries(counts)) {
      if (count === 0) continue;
      const sum = sums.get(`${where} ${cause}`) ?? { where, cause: cause.replaceAll('_', ' '), by: new Map<string, number>() };
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
