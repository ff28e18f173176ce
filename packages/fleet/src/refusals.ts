// Cameras that this node's kernel could not take: told to the site for a while, longer each time, so that one whose only node refuses it is not
// placed there again and again.
import type { SiteNode } from '@ruth/protocol';

/** `settings`: revision of the camera that was refused; another one may do. */
export interface Refusal { readonly why: string; readonly settings: number }
interface Known extends Refusal { readonly times: number; readonly untilS: number }

const FIRST_S = 15;
const LONGEST_S = 600;
/** More than a kernel has cameras. */
const MOST = 2048;
/** Characters of a reason. */
const MOST_TOLD = 500;

export class Refusals {
  readonly #nowS: () => number;
  readonly #known = new Map<string, Known>();

  constructor(nowS: () => number) { this.#nowS = nowS; }

  /** What the kernel makes of cameras that it was given, in their revisions. */
  saw(given: Readonly<Record<string, { readonly settings: number }>>, refused: Readonly<Record<string, string>>): void {
    for (const [camera, { settings }] of Object.entries(given)) {
      const why = refused[camera];
      const known = this.#known.get(camera);
      if (why === undefined) this.#known.delete(camera);
      else if (known?.settings !== settings) this.#keep(camera, why, settings, 1);
      else if (this.#nowS() >= known.untilS) this.#keep(camera, why, settings, known.times + 1);
    }
  }

  /** Those that are not to be tried now. */
  get present(): Map<string, Refusal> { return new Map([...this.#known].filter(([, { untilS }]) => this.#nowS() < untilS)); }

  /** What stands in the node's row of them. */
  get told(): Pick<SiteNode, 'refused' | 'refused_settings'> {
    const { present } = this;
    return { refused: Object.fromEntries([...present].map(([id, { why }]) => [id, why.slice(0, MOST_TOLD)])), refused_settings: Object.fromEntries([...present].map(([id, { settings }]) => [id, settings])) };
  }

  clear(): void { this.#known.clear(); }

  #keep(camera: string, why: string, settings: number, times: number): void {
    const waitS = Math.min(FIRST_S * 2 ** (times - 1), LONGEST_S);
    this.#known.delete(camera);
    this.#known.set(camera, { why: `${why}; tried ${times === 1 ? 'once' : `${times} times`}, and again after ${waitS} s`, settings, times, untilS: this.#nowS() + waitS });
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value!);
  }
}
