// What cameras cost, and which of them a node refuses, by what nodes tell: for the leader, which places them by it, and for whoever shows why.
import type { SiteCamera, SiteNode } from '@ruth/protocol';
import { DEFAULT_COST_CORES } from './placement.ts';

export class CameraCosts {
  /** What a camera's process took where it ran last, cores. */
  readonly #measured = new Map<string, number>();

  saw({ cameras }: SiteNode): void {
    for (const [camera, { cost_cores: cores }] of Object.entries(cameras)) if (cores !== null) this.#measured.set(camera, cores);
  }

  forget(camera: string): void { this.#measured.delete(camera); }

  clear(): void { this.#measured.clear(); }

  measured(camera: string): number | null { return this.#measured.get(camera) ?? null; }

  /** Cores: what was stated counts, else what was measured last, wherever that was. */
  of(id: string, camera: SiteCamera | undefined): number { return camera?.cost_cores ?? this.#measured.get(id) ?? DEFAULT_COST_CORES; }
}

/** Cameras that a node said it cannot take. One that was changed since is not the one that was refused. */
export function refusedBy({ refused, refused_settings: settings }: SiteNode, cameras: ReadonlyMap<string, { readonly revision: number }>): Set<string> {
  return new Set(Object.keys(refused).filter((id) => settings?.[id] === undefined || settings[id] === cameras.get(id)?.revision));
}
