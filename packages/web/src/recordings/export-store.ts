// The exports that this page asked for, and how far each is. They live as long as the page.
import type { ExportStatus } from '@ruth/protocol';
import { Observable } from '../observable.ts';
import { send, type Failure } from '../system/api.ts';

const ASK_EVERY_MS = 500;

export interface ExportsState {
  /** Newest first. */
  readonly exports: readonly ExportStatus[];
  /** Why the last wish was not granted. */
  readonly failure: Failure | null;
}

export class ExportStore extends Observable<ExportsState> {
  constructor() { super({ exports: [], failure: null }); }

  async start(cameraId: string, startS: number, endS: number): Promise<void> {
    this.set({ failure: null });
    const { value, failure } = await send<ExportStatus>('POST', 'exports', { camera_id: cameraId, start: startS, end: endS });
    if (failure) return this.set({ failure });
    this.set({ exports: [value, ...this.get().exports] });
    this.#follow(value.export_id);
  }

  /** Cancels one that runs; removes one that is done. */
  async remove(exportId: string): Promise<void> {
    const { failure } = await send('DELETE', `exports/${encodeURIComponent(exportId)}`);
    if (failure && failure.code !== 'not_found') this.set({ failure });
    else this.set({ exports: this.get().exports.filter((known) => known.export_id !== exportId), failure: null });
  }

  #follow(exportId: string): void {
    setTimeout(() => void (async () => {
      if (!this.get().exports.some((known) => known.export_id === exportId)) return;
      const { value, failure } = await send<ExportStatus>('GET', `exports/${encodeURIComponent(exportId)}`);
      if (failure?.code === 'not_found') return this.set({ exports: this.get().exports.filter((known) => known.export_id !== exportId) });
      if (value) this.set({ exports: this.get().exports.map((known) => (known.export_id === exportId ? value : known)) });
      if (!value || value.state === 'running') this.#follow(exportId);
    })(), ASK_EVERY_MS);
  }
}
