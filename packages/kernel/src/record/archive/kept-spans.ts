// The index's table of kept spans: times of a camera whose files are never deleted by age or size. Spans are disjoint; a file is kept
// when any part of it is.
import type { DatabaseSync, StatementSync } from 'node:sqlite';

interface Span { readonly startUs: number; readonly endUs: number }

export class KeptSpans {
  readonly #touching: StatementSync;
  readonly #remove: StatementSync;
  readonly #insert: StatementSync;
  readonly #mark: StatementSync;

  constructor(database: DatabaseSync) {
    this.#touching = database.prepare('SELECT start_us AS startUs, end_us AS endUs FROM keeps WHERE camera = ? AND start_us <= ? AND end_us >= ? ORDER BY start_us');
    this.#remove = database.prepare('DELETE FROM keeps WHERE camera = ? AND start_us = ?');
    this.#insert = database.prepare('INSERT INTO keeps VALUES (?, ?, ?)');
    this.#mark = database.prepare(`UPDATE segments SET kept = EXISTS (SELECT 1 FROM keeps WHERE keeps.camera = segments.camera AND keeps.start_us < segments.end_us AND keeps.end_us > segments.start_us)
      WHERE camera = ? AND start_us < ? AND end_us > ?`);
  }

  /** To be called within a transaction. */
  set(cameraId: string, startUs: number, endUs: number, kept: boolean): void {
    const touching = this.#touching.all(cameraId, endUs, startUs) as unknown as Span[];
    for (const span of touching) this.#remove.run(cameraId, span.startUs);
    const first = Math.min(startUs, ...touching.map((span) => span.startUs));
    const last = Math.max(endUs, ...touching.map((span) => span.endUs));
    if (kept) this.#insert.run(cameraId, first, last);
    else {
      if (first < startUs) this.#insert.run(cameraId, first, startUs);
      if (last > endUs) this.#insert.run(cameraId, endUs, last);
    }
    this.#mark.run(cameraId, endUs, startUs);
  }
}
