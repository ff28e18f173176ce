// The exports of a kernel: made in the background a few at a time, kept for a day, gone when the kernel starts anew. An
// export may end in the near future: then it waits until that is recorded.
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { RuthError, type ExportStatus, type RecordingGap } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { ArchiveView } from '../../archive/index.ts';
import { isoOfUs, notRecorded } from '../not-recorded.ts';
import { writeExport, type ExportSpan } from './export-writer.ts';

/** No camera's folder: ids begin with a letter or digit. */
const DIRECTORY = '.exports';
const MAX_RUNNING = 2;
const MAX_EXPORTS = 100;
const MAX_SPAN_US = 86_400e6;
const MAX_FUTURE_US = 600e6;
const KEPT_FOR_MS = 86_400_000;
/** After the end of the span: when it is certain that nothing more of it will come. */
const SETTLE_MS = 10_000;

interface Export {
  readonly id: string;
  readonly span: ExportSpan;
  readonly stop: AbortController;
  state: ExportStatus['state'];
  progress: number;
  bytes: number;
  gaps: readonly RecordingGap[];
  error: RuthError | null;
  done: Promise<void>;
  expiry: NodeJS.Timeout | undefined;
}

export interface ExportsOptions {
  readonly archive: ArchiveView;
  /** Of the recordings. */
  readonly directory: string;
  readonly minFreeBytes: number;
  readonly logger: Logger;
}

export class Exports implements AsyncDisposable {
  readonly #options: ExportsOptions;
  readonly #exports = new Map<string, Export>();
  readonly #turns: (() => void)[] = [];
  #running = 0;

  private constructor(options: ExportsOptions) { this.#options = options; }

  /** Removes what an earlier kernel left. */
  static async open(options: ExportsOptions): Promise<Exports> {
    const exports = new Exports(options);
    await rm(exports.#path(''), { recursive: true, force: true });
    return exports;
  }

  /** Throws `bad_request`, `not_recorded`, `camera_not_found`, `overloaded`. */
  async create(span: ExportSpan): Promise<ExportStatus> {
    const { cameraId, startUs, endUs } = span;
    const futureUs = endUs - Date.now() * 1000;
    if (!(startUs < endUs)) throw new RuthError('bad_request', 'start must lie before end');
    if (endUs - startUs > MAX_SPAN_US) throw new RuthError('bad_request', 'an export may be 24 hours long; ask for the rest by itself');
    if (futureUs > MAX_FUTURE_US) throw new RuthError('bad_request', 'end may lie 10 minutes in the future');
    const { archive } = this.#options;
    if (futureUs < 0 && (await archive.segments(cameraId, startUs, endUs)).length === 0) throw await notRecorded(archive, cameraId, startUs, endUs);
    // Throws where there is no such camera.
    if (futureUs >= 0) await archive.timeline(cameraId, startUs, endUs);
    if (this.#exports.size >= MAX_EXPORTS) throw new RuthError('overloaded', `there are ${MAX_EXPORTS} exports already; remove some`);
    const made: Export = {
      id: randomBytes(8).toString('hex'), span, stop: new AbortController(), state: 'running', progress: 0, bytes: 0, gaps: [], error: null, done: Promise.resolve(), expiry: undefined,
    };
    this.#exports.set(made.id, made);
    made.done = this.#run(made);
    return statusOf(made);
  }

  /** Throws `not_found`. */
  status(id: string): ExportStatus { return statusOf(this.#get(id)); }

  /** Cancels one that runs; one that does not is forgotten with its file. Throws `not_found`. */
  async remove(id: string): Promise<void> {
    const found = this.#get(id);
    if (found.state === 'running') {
      found.stop.abort(new RuthError('cancelled', 'the export was cancelled'));
      await found.done;
    } else await this.#forget(found);
  }

  /** Throws `not_found`, `invalid_state` where it is not done. */
  file(id: string): { readonly path: string; readonly bytes: number; readonly name: string } {
    const { state, span, bytes } = this.#get(id);
    if (state !== 'done') throw new RuthError('invalid_state', `the export is ${state}; its file is there when it is done`);
    return { path: this.#path(`${id}.mp4`), bytes, name: `${span.cameraId}_${isoOfUs(span.startUs).slice(0, 19).replaceAll(':', '-')}Z.mp4` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#exports.values()];
    for (const { stop, expiry } of all) {
      clearTimeout(expiry);
      stop.abort(new RuthError('shutting_down', 'the kernel is shutting down'));
    }
    await Promise.all(all.map(({ done }) => done));
    await rm(this.#path(''), { recursive: true, force: true });
  }

  #get(id: string): Export {
    const found = this.#exports.get(id);
    if (!found) throw new RuthError('not_found', 'there is no such export; exports are kept for a day, and not over a restart');
    return found;
  }

  #path(name: string): string { return join(this.#options.directory, DIRECTORY, name); }

  async #run(made: Export): Promise<void> {
    const { archive, logger } = this.#options;
    const { id, span, stop: { signal } } = made;
    const unfinished = this.#path(`${id}.part`);
    try {
      await recorded(archive, span, signal);
      using _ = await this.#turn(signal);
      await mkdir(this.#path(''), { recursive: true, mode: 0o750 });
      await writeExport({
        archive, span, signal, path: unfinished, freeBytes: () => this.#freeBytes(), onGaps: (gaps) => { made.gaps = gaps; },
        onProgress: (written, total) => {
          made.progress = written / total;
          made.bytes = written;
        },
      });
      await rename(unfinished, this.#path(`${id}.mp4`));
      made.bytes = (await stat(this.#path(`${id}.mp4`))).size;
      made.state = 'done';
    } catch (cause) {
      made.error = RuthError.from(cause);
      made.state = signal.aborted ? 'cancelled' : 'failed';
      if (!signal.aborted) logger.warn({ camera: span.cameraId, code: made.error.code, err: made.error }, 'an export failed');
      await rm(unfinished, { force: true }).catch(() => undefined);
    }
    made.expiry = setTimeout(() => void this.#forget(made), KEPT_FOR_MS);
    made.expiry.unref();
  }

  async #forget(made: Export): Promise<void> {
    clearTimeout(made.expiry);
    this.#exports.delete(made.id);
    await rm(this.#path(`${made.id}.mp4`), { force: true });
  }

  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#options.directory);
    return bavail * bsize - this.#options.minFreeBytes;
  }

  /** Waits until few enough run. */
  async #turn(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#running < MAX_RUNNING) this.#running++;
    else await this.#wait(signal);
    return {
      [Symbol.dispose]: () => {
        const next = this.#turns.shift();
        if (next) next();
        else this.#running--;
      },
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      const at = this.#turns.indexOf(resolve);
      if (at < 0) return;
      this.#turns.splice(at, 1);
      reject(signal.reason as Error);
    };
    this.#turns.push(resolve);
    signal.addEventListener('abort', abort, { once: true });
    await promise;
    signal.removeEventListener('abort', abort);
  }
}

const statusOf = ({ id, span, state, progress, bytes, gaps, error }: Export): ExportStatus => ({
  export_id: id, camera_id: span.cameraId, start: span.startUs / 1e6, end: span.endUs / 1e6, state, progress, bytes, gaps: [...gaps], error: error?.message ?? null,
});

/** Resolves when the span is recorded to its end, or nothing more of it can come. */
async function recorded(archive: ArchiveView, { cameraId, endUs }: ExportSpan, signal: AbortSignal): Promise<void> {
  const limitMs = endUs / 1000 + SETTLE_MS - Date.now();
  if (limitMs <= 0) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stopListening = archive.onGrew(({ segment }) => { if (segment.cameraId === cameraId && segment.endUs >= endUs) resolve(); });
  const limit = setTimeout(resolve, limitMs);
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    const [last] = (await archive.segments(cameraId, endUs - 1, endUs)).slice(-1);
    if (!last || last.endUs < endUs) await promise;
  } finally {
    clearTimeout(limit);
    stopListening();
    signal.removeEventListener('abort', abort);
    promise.catch(() => undefined);
  }
}
