// The index's table of gaps: when a camera that was to be recorded was not, and why. At most one gap of a camera is open.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { GapCause } from '@ruth/protocol';

export interface Gap {
  readonly startUs: number;
  /** Null while it lasts. */
  readonly endUs: number | null;
  readonly cause: GapCause;
  readonly message: string | null;
}

/** Less than this between two files is rounding. */
export const ROUNDING_US = 1000;
const COLUMNS = 'start_us AS startUs, end_us AS endUs, cause, message';

export class GapTable {
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #open: StatementSync;
  readonly #between: StatementSync;
  readonly #cameras: StatementSync;
  readonly #forget: StatementSync;

  constructor(database: DatabaseSync) {
    this.#put = database.prepare('INSERT INTO gaps (camera, start_us, end_us, cause, message) VALUES (?, ?, ?, ?, ?) ON CONFLICT (camera, start_us) DO UPDATE SET end_us = excluded.end_us, cause = excluded.cause, message = excluded.message');
    this.#remove = database.prepare('DELETE FROM gaps WHERE camera = ? AND start_us = ?');
    this.#open = database.prepare(`SELECT ${COLUMNS} FROM gaps WHERE camera = ? AND end_us IS NULL`);
    this.#between = database.prepare(`SELECT ${COLUMNS} FROM gaps WHERE camera = ? AND start_us < ? AND (end_us IS NULL OR end_us > ?) ORDER BY start_us`);
    this.#cameras = database.prepare('SELECT DISTINCT camera FROM gaps');
    this.#forget = database.prepare('DELETE FROM gaps WHERE camera = ? AND end_us < ?');
  }

  /** Writes a gap, or its newer state: the start tells which. */
  put(cameraId: string, { startUs, endUs, cause, message }: Gap): void { this.#put.run(cameraId, Math.round(startUs), endUs === null ? null : Math.round(endUs), cause, message); }
  remove(cameraId: string, startUs: number): void { this.#remove.run(cameraId, Math.round(startUs)); }
  open(cameraId: string): Gap | null { return this.#open.get(cameraId) as unknown as Gap | undefined ?? null; }
  /** Those that overlap [startUs, endUs). */
  between(cameraId: string, startUs: number, endUs: number): Gap[] { return this.#between.all(cameraId, endUs, startUs) as unknown as Gap[]; }
  /** [startUs, endUs) is recorded after all. Returns what became of the gaps that lay there: what is left of each from its start on. */
  cover(cameraId: string, startUs: number, endUs: number): Gap[] {
    return this.between(cameraId, startUs, endUs).map((gap) => {
      const before: Gap = { ...gap, endUs: startUs - gap.startUs > ROUNDING_US ? startUs : gap.startUs };
      if (before.endUs! > gap.startUs) this.put(cameraId, before);
      else this.remove(cameraId, gap.startUs);
      if ((gap.endUs ?? Infinity) - endUs > ROUNDING_US) this.put(cameraId, { ...gap, startUs: endUs });
      return before;
    });
  }

  cameras(): string[] { return this.#cameras.all().map(({ camera }) => camera as string); }
  /** Forgets what ended before. */
  forgetBefore(cameraId: string, us: number): void { this.#forget.run(cameraId, us); }
}
