// Changes of what is intended, one after another: each is checked, limited, and where it is core's to keep, kept, before it counts.
import { isDeepStrictEqual } from 'node:util';
import { meaningProblem, RuthError, subscriptionProblem, type CameraSubscriptions, type Intent } from '@ruth/protocol';
import type { IntentFile } from './intent-file.ts';
import type { Intents } from './intents.ts';

const MAX_CAMERAS = 1024;

export class IntentChanges {
  readonly #intents: Intents;
  readonly #file: IntentFile;
  /** Ends when the last change is accepted or refused. */
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(intents: Intents, file: IntentFile) {
    this.#intents = intents;
    this.#file = file;
  }

  /** Returns the cameras of which something else is intended now. Throws `bad_request`, `invalid_state`, `overloaded`, `disk_full`, `invalid_config`, `shutting_down`. */
  put(intent: Intent): Promise<readonly string[]> {
    for (const [id, wanted] of Object.entries(intent.cameras)) {
      const meaning = meaningProblem(wanted);
      if (meaning) throw new RuthError('bad_request', `cameras.${id}.${meaning.path.join('.')}: ${meaning.message}`);
      const problem = subscriptionProblem(wanted.subscriptions, (wanted.scene?.zones ?? []).map((zone) => zone.id));
      if (problem) throw new RuthError('bad_request', `cameras.${id}.subscriptions.${problem.index}.${problem.key}: ${problem.message}`);
    }
    return this.#change(async () => {
      const { accepted } = this.#intents;
      if (accepted && intent.revision < accepted.revision) throw new RuthError('invalid_state', `revision ${intent.revision} is older than ${accepted.revision}, which was accepted before`);
      this.#limitCameras(Object.keys(intent.cameras));
      if (isDeepStrictEqual(accepted, intent)) return [];
      await this.#file.write(intent);
      this.#intents.put(intent);
      return [...new Set([...Object.keys(accepted?.cameras ?? {}), ...Object.keys(intent.cameras)])];
    });
  }

  /** What ruth.yaml says of a camera; scene and rules stay where none are given. Returns the camera. Throws `bad_request`, `overloaded`, `shutting_down`. */
  putCamera(cameraId: string, { subscriptions: wanted, ...meaning }: CameraSubscriptions): Promise<readonly string[]> {
    const { scene, rules } = { ...this.#intents.ofFile(cameraId), ...meaning };
    const wrong = meaningProblem({ ...(scene ? { scene } : {}), ...(rules ? { rules } : {}) });
    if (wrong) throw new RuthError('bad_request', `${wrong.path.join('.')}: ${wrong.message}`);
    const problem = subscriptionProblem(wanted, meaning.scene && (meaning.scene.zones ?? []).map(({ id }) => id));
    if (problem) throw new RuthError('bad_request', `subscriptions.${problem.index}.${problem.key}: ${problem.message}`);
    return this.#change(async () => {
      this.#limitCameras([cameraId]);
      this.#intents.putOfFile(cameraId, { ...this.#intents.ofFile(cameraId), ...meaning, subscriptions: wanted.map(({ camera: _, ...subscription }) => subscription) });
      return [cameraId];
    });
  }

  /** ruth.yaml has no such camera any more. Returns the camera. Throws `camera_not_found`, `shutting_down`. */
  removeCamera(cameraId: string): Promise<readonly string[]> {
    return this.#change(async () => {
      if (!this.#intents.deleteOfFile(cameraId)) throw new RuthError('camera_not_found', `there is no camera ${cameraId}`);
      return [cameraId];
    });
  }

  /** No more of them; resolves when the last one is over. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#last;
  }

  #change(change: () => Promise<readonly string[]>): Promise<readonly string[]> {
    const changed = this.#last.then(() => {
      if (this.#ended) throw new RuthError('shutting_down', 'core is stopping');
      return change();
    });
    this.#last = changed.catch(() => undefined);
    return changed;
  }

  #limitCameras(more: readonly string[]): void {
    if (new Set([...this.#intents.cameraIds, ...more]).size > MAX_CAMERAS) throw new RuthError('overloaded', `more than ${MAX_CAMERAS} cameras`);
  }
}
