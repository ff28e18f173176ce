// Which nodes have more to do than they can: clearly, and for long enough that it is not a moment's.

/** Of its capacity. */
export const OVERLOADED_SHARE = 1.2;
export const OVERLOADED_AFTER_S = 180;

export class Overload {
  readonly #nowS: () => number;
  /** Nodes above the share, since when. */
  readonly #sinceS = new Map<string, number>();

  constructor(nowS: () => number) { this.#nowS = nowS; }

  /** To be told again and again what each node's cameras cost, cores. */
  saw(node: string, costCores: number, capacityCores: number): void {
    if (costCores <= capacityCores * OVERLOADED_SHARE) this.#sinceS.delete(node);
    else if (!this.#sinceS.has(node)) this.#sinceS.set(node, this.#nowS());
  }

  forgetBut(nodes: ReadonlySet<string>): void { for (const id of [...this.#sinceS.keys()]) if (!nodes.has(id)) this.#sinceS.delete(id); }

  has(node: string): boolean {
    const sinceS = this.#sinceS.get(node);
    return sinceS !== undefined && this.#nowS() - sinceS >= OVERLOADED_AFTER_S;
  }
}
