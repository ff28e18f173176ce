// Cameras of this node from which nothing comes, for so long that another node may as well try: told in its row as their state.
import { UNREACHABLE, type PlacementStatus } from '@ruth/protocol';

export class Unreached {
  readonly #nowS: () => number;
  readonly #afterS: number;
  /** Nothing came at any look since. */
  #sinceS: ReadonlyMap<string, number> = new Map();

  constructor(nowS: () => number, afterS: number) {
    this.#nowS = nowS;
    this.#afterS = afterS;
  }

  saw(cameras: PlacementStatus['cameras']): void {
    const nowS = this.#nowS();
    this.#sinceS = new Map(Object.entries(cameras).flatMap(([id, { unreachable }]) => (unreachable === true ? [[id, this.#sinceS.get(id) ?? nowS]] : [])));
  }

  /** As the node's row tells it. */
  stateOf(id: string, { state }: { readonly state: string } = { state: 'unknown' }): string {
    const sinceS = this.#sinceS.get(id);
    return sinceS !== undefined && this.#nowS() - sinceS >= this.#afterS ? UNREACHABLE : state;
  }
}
