// The index's table of files: each row a whole file on the disk. Synchronous; one writer. That no two files of a camera overlap in
// time is a rule of the database itself.
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { KeptFile, RecordedSpan } from '@ruth/protocol';
import type { VideoCodec } from '../../media/video-codec.ts';
import type { FragmentEntry, Segment } from '../segment.ts';

export interface IndexedSegment extends Segment {
  readonly sha256: string;
  readonly kept: boolean;
}

/** With its fragments as they stand in the row: thousands of rows pass between threads in a hundredth of the time. */
export type PackedSegment = Omit<IndexedSegment, 'fragments'> & { readonly fragments: Uint8Array };

export interface Usage { readonly bytes: number; readonly segments: number }

type Row = Record<string, SQLOutputValue>;
const FRAGMENT_BYTES = 16;
const COLUMNS = 'file, camera, start_us, end_us, duration_ticks, codec, width, height, audio, init_bytes, bytes, sha256, continues, fragments, kept';

export class SegmentIndex {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) { this.#database = database; }

  /** False, and nothing is written, where another file of the camera has part of that time. */
  insert(segment: Segment & { readonly sha256: string }): boolean {
    try {
      this.#prepared(`INSERT INTO segments (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
        EXISTS (SELECT 1 FROM keeps WHERE camera = ?2 AND start_us < ?4 AND end_us > ?3))`).run(
        segment.file, segment.cameraId, Math.round(segment.startUs), Math.round(segment.endUs), Math.round(segment.durationTicks), segment.codec, segment.width, segment.height, Number(segment.audio),
        segment.initBytes, segment.bytes, segment.sha256, Number(segment.continues), packed(segment.fragments),
      );
      return true;
    } catch (error) {
      if (error instanceof Error && (error.message === 'overlap' || /UNIQUE constraint failed: segments/.test(error.message))) return false;
      throw error;
    }
  }

  remove(files: readonly string[]): void {
    for (const file of files) this.#prepared('DELETE FROM segments WHERE file = ?').run(file);
  }

  isKept(file: string): boolean { return this.#prepared('SELECT kept FROM segments WHERE file = ?').get(file)?.kept === 1; }

  /** From now on no query but `deleting` and `files` tells of them. */
  markDeleting(files: readonly string[]): void {
    for (const file of files) this.#prepared('UPDATE segments SET deleting = 1 WHERE file = ?').run(file);
  }

  /** What a deletion that was cut short left to do. */
  deleting(): string[] {
    return this.#prepared('SELECT file FROM segments WHERE deleting = 1').all().map(({ file }) => file as string);
  }

  get(file: string): IndexedSegment | null {
    const row = this.#prepared(`SELECT ${COLUMNS} FROM segments WHERE file = ? AND deleting = 0`).get(file);
    return row ? segmentOf(row) : null;
  }

  /** 0 for what is not there. */
  bytesOf(file: string): number { return this.#prepared('SELECT bytes FROM segments WHERE file = ?').get(file)?.bytes as number | undefined ?? 0; }

  /** Those that overlap [startUs, endUs), oldest first. */
  between(cameraId: string, startUs: number, endUs: number): IndexedSegment[] { return this.packedBetween(cameraId, startUs, endUs).map(unpack); }

  packedBetween(cameraId: string, startUs: number, endUs: number): PackedSegment[] {
    return this.#prepared(`SELECT ${COLUMNS} FROM segments WHERE camera = ?1 AND start_us < ?3 AND deleting = 0
      AND start_us >= ${FIRST_OVERLAPPING} AND end_us > ?2 ORDER BY start_us`).all(cameraId, startUs, endUs).map(packedOf);
  }

  /** Joined where one goes on where the one before ended; seconds. They may reach beyond what was asked for. */
  spans(cameraId: string, startUs: number, endUs: number): RecordedSpan[] {
    const spans: { start: number; end: number; kept: boolean; bytes: number }[] = [];
    const rows = this.#prepared(`SELECT start_us, end_us, kept, bytes FROM segments WHERE camera = ?1 AND start_us < ?3 AND deleting = 0
      AND start_us >= ${FIRST_OVERLAPPING} AND end_us > ?2 ORDER BY start_us`).iterate(cameraId, startUs, endUs);
    for (const row of rows) appendSpan(spans, { start: Number(row.start_us) / 1e6, end: Number(row.end_us) / 1e6, kept: row.kept === 1, bytes: Number(row.bytes) });
    return spans;
  }

  /** The file that has the instant. */
  fileAt(cameraId: string, atUs: number): string | null {
    const row = this.#prepared('SELECT file, end_us FROM segments WHERE camera = ? AND start_us <= ? AND deleting = 0 ORDER BY start_us DESC LIMIT 1').get(cameraId, atUs);
    return row && (row.end_us as number) > atUs ? row.file as string : null;
  }

  newest(cameraId: string, count: number): IndexedSegment[] {
    return this.#prepared(`SELECT ${COLUMNS} FROM segments WHERE camera = ? AND deleting = 0 ORDER BY start_us DESC LIMIT ?`).all(cameraId, count).map(segmentOf);
  }

  /** The rows of the camera around that file, itself not among them. */
  neighbours({ cameraId, file, startUs }: Pick<Segment, 'cameraId' | 'file' | 'startUs'>): { before: IndexedSegment | null; after: IndexedSegment | null } {
    const before = this.#prepared(`SELECT ${COLUMNS} FROM segments WHERE camera = ? AND start_us <= ? AND file <> ? ORDER BY start_us DESC LIMIT 1`).get(cameraId, startUs, file);
    const after = this.#prepared(`SELECT ${COLUMNS} FROM segments WHERE camera = ? AND start_us > ? AND file <> ? ORDER BY start_us LIMIT 1`).get(cameraId, startUs, file);
    return { before: before ? segmentOf(before) : null, after: after ? segmentOf(after) : null };
  }

  oldestStartUs(cameraId: string): number | null {
    return this.#prepared('SELECT start_us FROM segments WHERE camera = ? AND deleting = 0 ORDER BY start_us LIMIT 1').get(cameraId)?.start_us as number | undefined ?? null;
  }

  /** In the order of their paths, which within a camera is that of their starts. */
  *files(cameraId: string): Generator<{ file: string; bytes: number }> {
    // In pages, so that rows may be changed meanwhile. `0` is what follows `/`.
    for (let after = `${cameraId}/`; ;) {
      const rows = this.#prepared('SELECT file, bytes FROM segments WHERE file > ?1 AND file < ?2 ORDER BY file LIMIT 1000').all(after, `${cameraId}0`) as { file: string; bytes: number }[];
      yield* rows;
      if (rows.length < 1000) return;
      after = rows.at(-1)!.file;
    }
  }

  /** Files that are kept, in the order of their names, those that follow `after`; seconds. */
  kept(after: string, atMost: number): KeptFile[] {
    return this.#prepared('SELECT file, camera, start_us, end_us, bytes, sha256 FROM segments WHERE kept = 1 AND deleting = 0 AND file > ? ORDER BY file LIMIT ?').all(after, atMost).map((row) => ({
      file: row.file as string, camera_id: row.camera as string, start: Number(row.start_us) / 1e6, end: Number(row.end_us) / 1e6, bytes: Number(row.bytes), sha256: row.sha256 as string,
    }));
  }

  /** Every camera of which there ever was a file. */
  usage(): Map<string, Usage> {
    return new Map(this.#prepared('SELECT camera, bytes, segments FROM usage').all().map((row) => [row.camera as string, { bytes: row.bytes as number, segments: row.segments as number }]));
  }

  /** The oldest that may be deleted, oldest first; `files` are passed over. */
  *deletable(cameraId: string, passedOver: ReadonlySet<string>): Generator<{ file: string; startUs: number; endUs: number; bytes: number }> {
    for (let afterUs = -1; ;) {
      const rows = this.#prepared('SELECT file, start_us AS startUs, end_us AS endUs, bytes FROM segments WHERE camera = ? AND start_us > ? AND kept = 0 AND deleting = 0 ORDER BY start_us LIMIT 64')
        .all(cameraId, afterUs) as unknown as { file: string; startUs: number; endUs: number; bytes: number }[];
      for (const row of rows) if (!passedOver.has(row.file)) yield row;
      if (rows.length < 64) return;
      afterUs = rows.at(-1)!.startUs;
    }
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.#database.prepare(sql));
    return statement;
  }
}

/** Where no two overlap, only the last that starts at or before ?2 can reach into the time after it. */
const FIRST_OVERLAPPING = 'coalesce((SELECT start_us FROM segments WHERE camera = ?1 AND start_us <= ?2 ORDER BY start_us DESC LIMIT 1), ?2)';

/** Less than this between two files is rounding. */
const JOINED_WITHIN_S = 0.001;

export function appendSpan(spans: RecordedSpan[], span: RecordedSpan): void {
  const last = spans.at(-1);
  if (last && last.kept === span.kept && span.start - last.end <= JOINED_WITHIN_S) spans[spans.length - 1] = { ...last, end: span.end, bytes: last.bytes + span.bytes };
  else spans.push(span);
}

export const unpack = (segment: PackedSegment): IndexedSegment => ({ ...segment, fragments: unpacked(segment.fragments) });
const segmentOf = (row: Row): IndexedSegment => unpack(packedOf(row));

function packedOf(row: Row): PackedSegment {
  const number = (key: string): number => row[key] as number;
  return {
    cameraId: row.camera as string, file: row.file as string, startUs: number('start_us'), endUs: number('end_us'), durationTicks: number('duration_ticks'),
    codec: row.codec as VideoCodec, width: number('width'), height: number('height'), audio: row.audio === 1, initBytes: number('init_bytes'), bytes: number('bytes'),
    fragments: row.fragments as Uint8Array, sha256: row.sha256 as string, continues: row.continues === 1, kept: row.kept === 1,
  };
}

function packed(fragments: readonly FragmentEntry[]): Buffer {
  const bytes = Buffer.alloc(fragments.length * FRAGMENT_BYTES);
  for (const [index, { offset, bytes: length, startTicks, durationTicks, keyframe }] of fragments.entries()) {
    [offset, length, startTicks, durationTicks * 2 + Number(keyframe)].forEach((value, place) => bytes.writeUInt32LE(value, index * FRAGMENT_BYTES + place * 4));
  }
  return bytes;
}

function unpacked(blob: Uint8Array): FragmentEntry[] {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  return Array.from({ length: Math.floor(bytes.length / FRAGMENT_BYTES) }, (_, index) => {
    const at = (place: number): number => bytes.readUInt32LE(index * FRAGMENT_BYTES + place * 4);
    return { offset: at(0), bytes: at(1), startTicks: at(2), durationTicks: Math.floor(at(3) / 2), keyframe: at(3) % 2 === 1 };
  });
}
