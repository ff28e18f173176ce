// Cameras that the node which has them cannot reach: one other node after the other is to try, with longer and longer pauses, until one reaches it, or the first one does
// again. A camera that is off is asked by one more node for half a minute, every ten minutes in the end, and stays where it is.

interface Tried { readonly failed: Set<string>; times: number; untilS: number }

const LONGEST_PAUSE_S = 600;

export class Tries {
  readonly #nowS: () => number;
  readonly #firstPauseS: number;
  readonly #tried = new Map<string, Tried>();

  constructor(nowS: () => number, firstPauseS: number) {
    this.#nowS = nowS;
    this.#firstPauseS = firstPauseS;
  }

  /** True where that is new. */
  begin(camera: string): boolean {
    if (this.#tried.has(camera)) return false;
    this.#tried.set(camera, { failed: new Set(), times: 0, untilS: -Infinity });
    return true;
  }

  end(camera: string): void { this.#tried.delete(camera); }

  /** Of one that is tried. */
  failed(camera: string, node: string): void {
    const tried = this.#tried.get(camera)!;
    if (tried.failed.has(node)) return;
    tried.failed.add(node);
    tried.untilS = this.#nowS() + Math.min(this.#firstPauseS * 2 ** tried.times++, LONGEST_PAUSE_S);
  }

  /** All have tried that may: they may again. */
  beginAgain(camera: string): void { this.#tried.get(camera)?.failed.clear(); }

  isTried(camera: string): boolean { return this.#tried.has(camera); }

  hasFailed(camera: string, node: string): boolean { return this.#tried.get(camera)?.failed.has(node) ?? false; }

  /** Nodes that could not reach it; null where none is to try now. */
  without(camera: string): ReadonlySet<string> | null {
    const tried = this.#tried.get(camera);
    return tried === undefined || this.#nowS() < tried.untilS ? null : tried.failed;
  }
}
