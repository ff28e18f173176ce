// Whose word counts for each camera: that of the intent that was put, where it names the camera, else that of ruth.yaml. The
// two are never mixed within one camera, so that each can be read and understood alone.
import type { CameraIntent, CameraReality, Intent, Settings } from '@ruth/protocol';

export interface EffectiveIntent {
  readonly source: CameraReality['source'];
  readonly intent: CameraIntent;
}

export class Intents {
  readonly #ofFile: Map<string, CameraIntent>;
  #put: Intent | null;

  constructor(ofFile: ReadonlyMap<string, CameraIntent>, put: Intent | null) {
    this.#ofFile = new Map(ofFile);
    this.#put = put;
  }

  /** The intent that was put last. */
  get accepted(): Intent | null { return this.#put; }

  get cameraIds(): string[] {
    return [...new Set([...this.#ofFile.keys(), ...Object.keys(this.#put?.cameras ?? {})])];
  }

  /** Null where nobody speaks of the camera. */
  of(cameraId: string): EffectiveIntent | null {
    const put = this.#put?.cameras[cameraId];
    if (put) return { source: 'intent', intent: put };
    const ofFile = this.#ofFile.get(cameraId);
    return ofFile ? { source: 'file', intent: ofFile } : null;
  }

  /** What ruth.yaml says of the camera, whoever's word counts. */
  ofFile(cameraId: string): CameraIntent | undefined { return this.#ofFile.get(cameraId); }

  put(intent: Intent): void { this.#put = intent; }

  /** What ruth.yaml says of the camera from now on. */
  putOfFile(cameraId: string, intent: CameraIntent): void { this.#ofFile.set(cameraId, intent); }

  /** False where ruth.yaml said nothing of it. */
  deleteOfFile(cameraId: string): boolean { return this.#ofFile.delete(cameraId); }
}

/** Every camera of ruth.yaml, also one at which nobody looks. */
export function intentsOfFile({ cameras, subscriptions, scenes, rules }: Pick<Settings, 'cameras' | 'subscriptions' | 'scenes' | 'rules'>): Map<string, CameraIntent> {
  const under = <T extends { readonly camera: string }>(id: string, all: readonly T[]): Omit<T, 'camera'>[] => all.filter(({ camera }) => camera === id).map(({ camera: _, ...rest }) => rest);
  return new Map(cameras.map(({ id }) => [id, { subscriptions: under(id, subscriptions), scene: scenes[id] ?? {}, rules: under(id, rules) }]));
}
