// How an archive begins: what a crash left is put right, and of each camera it is said since when nothing is recorded, and why.
import { uptime } from 'node:os';
import { join } from 'node:path';
import { RuthError, type KernelEvent, type RecordingSettings } from '@ruth/protocol';
import type { EventContent, Logger } from '@ruth/transport';
import { UNCLAIMED } from '../segment.ts';
import type { CameraExtent } from './archive-store.ts';
import { eventGap } from './camera-archive.ts';
import type { Gap } from './gap-table.ts';
import { systemClock, type Clock } from './gap-watch.ts';
import { alsoKnown, bootId, whyEnded, type EndFacts } from './owner-before.ts';
import { sumOf } from './storage-keeper.ts';
import { StoreThread } from './store-thread.ts';

export interface OpeningOptions {
  readonly settings: RecordingSettings;
  readonly logger: Logger;
  readonly onEvent: (event: EventContent<KernelEvent>) => void;
  /** False where the node is by itself, so that nobody decides about what lies aside. */
  readonly isInSite?: boolean;
  readonly clock?: Clock;
  /** What a supervisor saw of the end of the kernel before this one. */
  readonly endedBefore?: string | null;
}

export interface OpenedStore {
  readonly store: StoreThread;
  /** Of each camera that was ever recorded. */
  readonly extents: Map<string, CameraExtent>;
  /** Files, by what was put right. */
  readonly repaired: Record<string, number>;
}

const ROOM_TO_START_BYTES = 16 << 20;

/** Throws `invalid_state` naming the owner where another kernel has the folder, `invalid_config` where it cannot be used. */
export async function openStore(options: OpeningOptions): Promise<OpenedStore> {
  const { settings: { directory }, logger } = options;
  const store = await StoreThread.open(directory);
  try {
    const nowUs = (options.clock ?? systemClock).utcUs();
    const { counts, inUse } = await withRoom(store, nowUs, () => store.call('repair', nowUs));
    const found = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
    if (Object.keys(found).some((kind) => kind !== 'files')) logger.warn({ ...found, in_use: inUse }, 'the recordings were not ended in order; they are put right');
    const aside = sumOf(await store.call('unclaimedFiles').catch(() => ({})));
    if (aside && options.isInSite === false) logger.warn({ ...aside, folder: join(directory, UNCLAIMED) }, 'this node has left its site, and what it recorded aside, without a lease, is in no index and takes room: it cannot find out what of it other nodes recorded. "ruth site unclaimed" shows it; with --take it becomes part of the recordings, with --delete it goes');
    return { store, extents: await settleGaps(store, nowUs, options), repaired: counts };
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

/** Since the end of what is recorded there is a gap: the one that an earlier run left, or a new one, with what is known of its cause. */
async function settleGaps(store: StoreThread, nowUs: number, { onEvent, endedBefore }: OpeningOptions): Promise<Map<string, CameraExtent>> {
  const extents = await store.call('extents');
  const facts: EndFacts = { ownerBefore: await store.call('ownerBefore'), bootIdNow: bootId(), bootedUs: nowUs - uptime() * 1e6, seen: endedBefore ?? null };
  const tell = async (cameraId: string, gap: Gap): Promise<void> => {
    await withRoom(store, nowUs, () => store.call('putGap', cameraId, gap));
    onEvent({ type: 'recording.gap', camera_id: cameraId, gap: eventGap(gap) });
  };
  for (const [cameraId, { newestEndUs, gap: left }] of extents) {
    // Whoever ended in order left a gap that lasts and says so.
    const inOrder = newestEndUs === null || (left !== null && left.startUs >= newestEndUs);
    if (inOrder) {
      const more = left && alsoKnown(left, facts);
      if (!left || !more) continue;
      const gap = { ...left, message: more };
      await tell(cameraId, gap);
      extents.set(cameraId, { newestEndUs, gap });
      continue;
    }
    const [next] = left ? await store.call('between', cameraId, left.startUs, Number.MAX_SAFE_INTEGER) : [];
    if (left) await (next!.startUs > left.startUs ? tell(cameraId, { ...left, endUs: next!.startUs }) : store.call('removeGap', cameraId, left.startUs));
    const gap: Gap = { startUs: newestEndUs, endUs: null, ...whyEnded(newestEndUs, facts) };
    await tell(cameraId, gap);
    extents.set(cameraId, { newestEndUs, gap });
  }
  return extents;
}

/** A kernel that starts on a full disk starts all the same: the oldest recordings make room for what the index must note. */
async function withRoom<T>(store: StoreThread, nowUs: number, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof RuthError) || error.code !== 'disk_full') throw error;
    const limits = { all: { maxAgeDays: null, maxBytes: null }, cameras: {} };
    const oldest = await store.call('deletable', { limits, nowUs, bytes: ROOM_TO_START_BYTES, passedOver: [], atMost: 64 });
    await store.call('delete', oldest.map(({ file }) => file), nowUs);
    return write();
  }
}
