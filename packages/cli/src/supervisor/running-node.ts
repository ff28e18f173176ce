// Kernel and core of a node that may be running, asked over their Unix sockets. Every wait is limited.
import { CameraStatus, coreSocketPath, kernelSocketPath, RuthError, validator, type CameraConfig, type CameraSubscriptions, type ErrorCode, type Settings } from '@ruth/protocol';
import { ask } from '@ruth/transport';

const cameraStatus = validator(CameraStatus);

export class RunningNode {
  readonly #kernel: string;
  readonly #core: string;

  constructor({ socketDirectory }: Pick<Settings, 'socketDirectory'>) {
    this.#kernel = kernelSocketPath(socketDirectory);
    this.#core = coreSocketPath(socketDirectory);
  }

  /** Throws `unreachable` where no kernel runs. */
  async cameras(): Promise<CameraStatus[]> {
    const list = await ask(this.#kernel, 'GET', '/v1/cameras');
    return (Array.isArray(list) ? list : [list]).map((camera) => cameraStatus.parse(camera, 'internal'));
  }

  /** Throws `unreachable` where no kernel runs, else what kernel or core answered. A core that is away learns it from the file when it starts. */
  async putCamera(camera: CameraConfig, ofCore: CameraSubscriptions): Promise<void> {
    await ask(this.#kernel, 'PUT', `/v1/cameras/${camera.id}`, camera);
    await this.putIntent(camera.id, ofCore);
  }

  /** Which models look at the camera, and what its picture means. */
  async putIntent(id: string, ofCore: CameraSubscriptions): Promise<void> {
    await ifThere(ask(this.#core, 'PUT', `/v1/cameras/${id}`, ofCore));
  }

  /** Whether core shall miss the model where it is away. A core that is away itself learns it from the file when it starts. */
  async expectModel(id: string, isExpected: boolean): Promise<void> {
    await ifThere(ask(this.#core, isExpected ? 'PUT' : 'DELETE', `/v1/models/${id}`));
  }

  /** Throws `unreachable` where no kernel runs. What is not there is removed already. */
  async removeCamera(id: string): Promise<void> {
    await ifThere(ask(this.#core, 'DELETE', `/v1/cameras/${id}`), 'camera_not_found');
    await ifThere(ask(this.#kernel, 'DELETE', `/v1/cameras/${id}`), 'camera_not_found', false);
  }
}

async function ifThere(asked: Promise<unknown>, gone?: ErrorCode, partMayBeAway = true): Promise<void> {
  try {
    await asked;
  } catch (cause) {
    const { code } = RuthError.from(cause);
    if (code !== gone && !(partMayBeAway && code === 'unreachable')) throw cause;
  }
}
