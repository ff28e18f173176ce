// Looks into every recording and every row of the index, and compares. Without repair it changes nothing and may run beside a kernel;
// with it, the folder belongs to nobody else meanwhile.
import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { RECORDING_FINDINGS, RuthError, type RecordingFindingKind } from '@ruth/protocol';
import { lockFile } from '@ruth/transport';
import { ArchiveStore } from './archive-store.ts';
import { INDEX_FILE } from './index-file.ts';
import { SCHEMA_VERSION, schemaVersion } from './index-schema.ts';
import { readSegment } from './recorded-segment.ts';
import { forgetMissing, moveAside } from './repair.ts';
import { SegmentIndex, type IndexedSegment } from './segment-index.ts';
import { cameraFolders, segmentFiles } from './segment-path.ts';

export const FINDINGS = Object.keys(RECORDING_FINDINGS) as RecordingFindingKind[];

export interface Finding {
  readonly kind: RecordingFindingKind;
  /** Relative to the folder. */
  readonly file: string;
  readonly message: string;
  /** What was done about it; null without repair. */
  readonly repair: string | null;
}

/** Of a camera, or of all. */
export interface VerifyReport {
  readonly files: number;
  readonly bytes: number;
  readonly counts: Readonly<Record<RecordingFindingKind, number>>;
  /** The first thousand. */
  readonly findings: readonly Finding[];
  /** Being written: they are not looked into. */
  readonly open: number;
}

export interface VerifyOptions {
  readonly directory: string;
  readonly repair: boolean;
  /** Plays a file; says why it does not play, or null. Not asked unless given. */
  readonly decode?: (path: string) => Promise<string | null>;
  readonly onProgress?: (done: number, total: number) => void;
  /** Only these. */
  readonly cameras?: readonly string[];
  /** Each as soon as it is through. */
  readonly onCamera?: (cameraId: string, report: VerifyReport) => void;
}

type Problem = Pick<Finding, 'kind' | 'message'>;

const MOST_FINDINGS = 1000;
/** A file that was closed a moment ago gets its row within this. */
const ROW_LIMIT_MS = 2000;

/** Throws `invalid_config` where there are no recordings, `invalid_state` where a repair is wanted while a kernel runs. A repair makes the index of recordings that came without one, such as copies that were taken back. */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { directory } = options;
  if (!existsSync(join(directory, INDEX_FILE))) {
    if (!cameraFolders(directory).some((cameraId) => !segmentFiles(directory, cameraId).next().done)) {
      throw new RuthError('invalid_config', `there is neither ${INDEX_FILE} nor a recording (<camera>/<YYYY-MM-DD>/<HH>/<ms>.mp4) in ${directory}: name the folder of the recordings`);
    }
    if (!options.repair) throw new RuthError('invalid_config', `the recordings in ${directory} have no ${INDEX_FILE}: --repair makes one of them`);
  }
  if (options.repair) {
    using store = ArchiveStore.open(directory);
    return await walk(options, store.segments, store);
  }
  using database = new DatabaseSync(join(directory, INDEX_FILE), { readOnly: true, timeout: 5000 });
  const version = schemaVersion(database);
  if (version !== SCHEMA_VERSION) throw new RuthError('invalid_config', `the index is of version ${version}, not ${SCHEMA_VERSION}; start this Ruth's kernel once`);
  return await walk(options, new SegmentIndex(database), null);
}

async function walk({ directory, decode, onProgress, onCamera, cameras: wanted }: VerifyOptions, index: SegmentIndex, store: ArchiveStore | null): Promise<VerifyReport> {
  const reports: VerifyReport[] = [];
  const cameras = wanted ?? [...new Set([...cameraFolders(directory), ...index.usage().keys()])].sort();
  const lists = cameras.map((cameraId) => {
    const rows = new Map([...index.files(cameraId)].map((row) => [row.file, row.bytes]));
    return { cameraId, rows, files: [...new Set([...segmentFiles(directory, cameraId), ...rows.keys()])].sort() };
  });
  const total = lists.reduce((sum, { files }) => sum + files.length, 0);
  let done = 0;
  for (const { cameraId, rows, files } of lists) {
    const counts = noFindings();
    const findings: Finding[] = [];
    let [bytes, open] = [0, 0];
    let before: IndexedSegment | null = null;
    for (const file of files) {
      const row = index.get(file);
      const problem = row ? await problemOf(directory, row, before, decode) : await unknownFile(directory, file, rows.has(file), index);
      before = row ?? before;
      bytes += row?.bytes ?? 0;
      if (problem === 'open') open++;
      // What a running kernel deleted meanwhile is not missing.
      else if (problem && (problem.kind === 'extra' || index.get(file))) {
        counts[problem.kind]++;
        const finding = { ...problem, file, repair: store && await put(store, cameraId, file, problem.kind) };
        if (findings.length < MOST_FINDINGS) findings.push(finding);
      }
      onProgress?.(++done, total);
    }
    const report = { files: files.length, bytes, counts, findings, open };
    onCamera?.(cameraId, report);
    reports.push(report);
  }
  return sumOf(reports);
}

const noFindings = (): Record<RecordingFindingKind, number> => Object.fromEntries(FINDINGS.map((kind) => [kind, 0])) as Record<RecordingFindingKind, number>;

function sumOf(reports: readonly VerifyReport[]): VerifyReport {
  const of = (value: (report: VerifyReport) => number): number => reports.reduce((sum, report) => sum + value(report), 0);
  const counts = noFindings();
  for (const kind of FINDINGS) counts[kind] = of((report) => report.counts[kind]);
  return { files: of(({ files }) => files), bytes: of(({ bytes }) => bytes), counts, findings: reports.flatMap(({ findings }) => findings).slice(0, MOST_FINDINGS), open: of(({ open }) => open) };
}

async function problemOf(directory: string, row: IndexedSegment, before: IndexedSegment | null, decode: VerifyOptions['decode']): Promise<Problem | null> {
  const path = join(directory, row.file);
  if (!existsSync(path)) return { kind: 'missing', message: 'in the index, not on the disk' };
  const { size } = statSync(path);
  const read = await readSegment(directory, row.file, false);
  if (read.state === 'damaged') return { kind: 'unplayable', message: 'it is no recording' };
  if (read.state !== 'whole' || read.segment.bytes < row.bytes) return { kind: 'truncated', message: `${read.state === 'whole' ? read.segment.bytes : 0} of ${row.bytes} bytes are whole` };
  if (size !== row.bytes || read.segment.sha256 !== row.sha256) return { kind: 'wrong_hash', message: size === row.bytes ? 'its bytes are not those that were recorded' : `it has ${size} bytes, not ${row.bytes}` };
  if (read.segment.durationTicks !== row.durationTicks) return { kind: 'wrong_duration', message: `it lasts ${read.segment.durationTicks} ticks, not ${row.durationTicks}` };
  if (before && before.endUs > row.startUs) return { kind: 'overlaps', message: `it begins before ${before.file} ends` };
  const reason = await decode?.(path);
  return reason ? { kind: 'unplayable', message: reason } : null;
}

/** A file without a row, or a row that is gone by now. */
async function unknownFile(directory: string, file: string, hadRow: boolean, index: SegmentIndex): Promise<Problem | 'open' | null> {
  const path = join(directory, file);
  const endMs = performance.now() + ROW_LIMIT_MS;
  while (!hadRow && existsSync(path) && index.get(file) === null) {
    if (isBeingWritten(path)) return 'open';
    if (performance.now() > endMs) return { kind: 'extra', message: 'on the disk, not in the index' };
    await delay(100);
  }
  return null;
}

function isBeingWritten(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return false;
  }
  const locked = !lockFile(fd);
  closeSync(fd);
  return locked;
}

/** Puts it right; returns how. */
async function put(store: ArchiveStore, cameraId: string, file: string, kind: RecordingFindingKind): Promise<string> {
  if (kind === 'missing') {
    forgetMissing(store, cameraId, file);
    return 'the row is removed';
  }
  if (kind === 'unplayable') {
    const segment = store.get(file);
    store.segments.remove([file]);
    moveAside(store.directory, file);
    if (segment) store.gaps.put(cameraId, { startUs: segment.startUs, endUs: segment.endUs, cause: 'damaged', message: `${file} does not play` });
    return 'moved to the folder "damaged"';
  }
  const adopted = await store.adopt(file);
  if (adopted.state === 'whole') return adopted.cutBytes > 0 ? `cut by ${adopted.cutBytes} bytes to what is whole` : 'the row tells what the file holds';
  return adopted.state === 'empty' ? 'deleted: no picture of it is whole' : adopted.state === 'damaged' ? 'moved to the folder "damaged"' : 'left as it is';
}
