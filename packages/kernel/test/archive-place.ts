// An archive over a folder of its own, whose clock and disk a test moves, and files in it that a recorder would have written.
import { spawnSync } from 'node:child_process';
import { after, before } from 'node:test';
import type { KernelEvent, RecordingSettings } from '@ruth/protocol';
import { createLogger, type EventContent } from '@ruth/transport';
import type { Clock } from '../src/record/archive/gap-watch.ts';
import { Archive } from '../src/record/archive/index.ts';
import { whyUnplayable } from '../src/record/archive/playable.ts';
import { verify, type VerifyReport } from '../src/record/archive/verify.ts';
import type { Segment } from '../src/record/segment.ts';
import { Clips } from './real-camera.ts';
import { RecordedFolder } from './recorded-folder.ts';
import { until } from './test-kernel.ts';

/** Why these tests cannot run here; false where they can. */
export const noFfmpeg: string | false = spawnSync('ffmpeg', ['-version']).status === 0 ? false : 'needs ffmpeg: apt-get install ffmpeg';
/** When the recordings begin; the clock stands ten minutes later. */
export const START_US = 1_767_225_600e6;
export const DAY_US = 86_400e6;

export interface Place extends AsyncDisposable {
  readonly folder: RecordedFolder;
  /** Ten seconds of video. */
  readonly clip: string;
  readonly time: { us: number };
  readonly disk: { freeBytes: number; totalBytes: number };
  readonly events: EventContent<KernelEvent>[];
  readonly archive: Archive;
  /** Ends the archive and opens another one over the same folder. */
  open(limits?: Partial<RecordingSettings>): Promise<Archive>;
}

/** To be called once in a file of tests, outside of them: what makes places, with one clip for all. */
export function archivePlaces(): (limits?: Partial<RecordingSettings>) => Promise<Place> {
  let clips: Clips;
  let clip: string;
  before(async () => {
    if (noFfmpeg) return;
    clips = await Clips.open();
    clip = await clips.make('clip.mp4', { size: '160x120', seconds: 10 });
  });
  after(async () => { await clips?.[Symbol.asyncDispose](); });
  return (limits = {}) => place(clip, limits);
}

async function place(clip: string, limits: Partial<RecordingSettings>): Promise<Place> {
  const folder = await RecordedFolder.make();
  const time = { us: START_US + 600e6 };
  const disk = { freeBytes: 1e12, totalBytes: 2e12 };
  const events: EventContent<KernelEvent>[] = [];
  const clock: Clock = { utcUs: () => time.us, monotonicMs: () => time.us / 1000 };
  const open = (over: Partial<RecordingSettings> = limits): Promise<Archive> => Archive.open({
    settings: { directory: folder.directory, segmentS: 2, maxAgeDays: null, maxBytes: null, minFreeBytes: 0, ...over },
    logger: createLogger('kernel', 'silent'), onEvent: (event) => events.push(event), clock, space: () => disk,
  });
  let archive = await open();
  return {
    folder, clip, time, disk, events, get archive() { return archive; },
    async open(over) {
      await archive[Symbol.asyncDispose]();
      return archive = await open(over);
    },
    async [Symbol.asyncDispose]() {
      await archive[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

export const settings = (id: string) => ({ id, recording: { active: true, maxAgeDays: null, maxBytes: null } });

/** Five files of two seconds, told to the archive as a recorder tells them. */
export async function recorded({ folder, archive, clip }: Pick<Place, 'folder' | 'archive' | 'clip'>, cameraId = 'cam', startUs = START_US): Promise<readonly Segment[]> {
  const segments = await folder.record(cameraId, clip, { startUs, segmentS: 2 });
  const camera = archive.camera(settings(cameraId));
  for (const segment of segments) tell(camera, segment, true);
  await until(() => archive.segments(cameraId, startUs, startUs + DAY_US), (found) => found.filter(({ sha256 }) => sha256 !== null).length === segments.length, 'all is in the index');
  await archive.storage();
  return segments;
}

/** Of one file, all that a recorder tells while it writes it. */
export function tell(camera: ReturnType<Archive['camera']>, segment: Segment, closed: boolean): void {
  camera.take({ type: 'segment-opened', segment: { ...segment, fragments: [], endUs: segment.startUs, durationTicks: 0, bytes: segment.initBytes, sha256: null } });
  for (const fragment of segment.fragments) camera.take({ type: 'segment-grew', file: segment.file, fragments: [fragment], endUs: Math.round(segment.startUs + (fragment.startTicks + fragment.durationTicks) / 0.09) });
  if (closed) camera.take({ type: 'segment-closed', segment });
}

export const kindsOf = ({ findings }: VerifyReport): string[] => findings.map(({ kind, file }) => `${kind} ${file}`);
export const check = (directory: string, repair = false): Promise<VerifyReport> => verify({ directory, repair, decode: whyUnplayable });
