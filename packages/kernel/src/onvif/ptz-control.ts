// Turning the cameras of a kernel: a process for each that is being turned, started at the first request and ended after a quiet
// minute, when its settings change, or with the kernel.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { ERRORS, RuthError, type CameraAddresses, type CameraSettings, type ErrorCode, type PtzRequest, type PtzStatus } from '@ruth/protocol';
import type { FromPtz, OnvifTarget, ToPtz } from './messages.ts';

const QUIET_LIMIT_MS = 60_000;
/** Connecting takes several answers of the device. */
const REQUEST_LIMIT_MS = 25_000;
const KILL_AFTER_MS = 6000;
/** Of one camera at once. */
const MAX_PENDING = 8;

interface Pending { readonly resolve: (status: PtzStatus | null) => void; readonly reject: (error: RuthError) => void }
interface Turning { readonly target: OnvifTarget; readonly child: ChildProcess; readonly pending: Map<number, Pending>; quiet: NodeJS.Timeout | undefined; failed: boolean }

export class PtzControl implements AsyncDisposable {
  readonly #turning = new Map<string, Turning>();
  readonly #addresses: CameraAddresses;
  #nextId = 1;
  #closed = false;

  /** `addresses`: where cameras may be. */
  constructor(addresses: CameraAddresses) { this.#addresses = addresses; }

  /** Throws `invalid_state` for a camera without `onvif`, `overloaded`, `timeout`, and what the device makes of it. */
  async turn(camera: CameraSettings, request: PtzRequest): Promise<void> {
    const id = this.#nextId++;
    await this.#ask(camera, { type: 'turn', id, request });
  }

  async presets(camera: CameraSettings): Promise<PtzStatus> {
    const id = this.#nextId++;
    return await this.#ask(camera, { type: 'presets', id }) ?? { presets: [] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#turning].map(([id, turning]) => this.#end(id, turning)));
  }

  #ask(camera: CameraSettings, message: Extract<ToPtz, { id: number }>): Promise<PtzStatus | null> {
    const turning = this.#turningOf(camera);
    if (turning.pending.size >= MAX_PENDING) throw new RuthError('overloaded', `${MAX_PENDING} requests to turn ${camera.id} wait already`);
    clearTimeout(turning.quiet);
    const { promise, resolve, reject } = Promise.withResolvers<PtzStatus | null>();
    const limit = setTimeout(() => reject(new RuthError('timeout', `${camera.id} did not answer within ${REQUEST_LIMIT_MS / 1000} s`)), REQUEST_LIMIT_MS);
    turning.pending.set(message.id, { resolve, reject });
    turning.child.send(message, () => undefined);
    return promise.catch((cause: unknown) => {
      turning.failed = true;
      throw cause;
    }).finally(() => {
      clearTimeout(limit);
      turning.pending.delete(message.id);
      if (turning.pending.size > 0) return;
      // A device that could not be reached is connected to anew by the next request.
      if (turning.failed) void this.#end(camera.id, turning);
      else turning.quiet = setTimeout(() => void this.#end(camera.id, turning), QUIET_LIMIT_MS).unref();
    });
  }

  #turningOf(camera: CameraSettings): Turning {
    if (this.#closed) throw new RuthError('shutting_down', 'the kernel is stopping');
    if (camera.onvif === null) throw new RuthError('invalid_state', `${camera.id} has no onvif section in ruth.yaml: nothing is known that could turn it`);
    const target = targetOf(camera, camera.onvif, this.#addresses);
    const present = this.#turning.get(camera.id);
    if (present && isDeepStrictEqual(present.target, target)) return present;
    if (present) void this.#end(camera.id, present);
    const child = fork(new URL('./ptz-main.ts', import.meta.url), [], { execArgv: ['--single-threaded-gc'], serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const turning: Turning = { target, child, pending: new Map(), quiet: undefined, failed: false };
    const gone = (): void => {
      if (this.#turning.get(camera.id) === turning) this.#turning.delete(camera.id);
      for (const { reject } of turning.pending.values()) reject(new RuthError('camera_protocol', 'the process that turns the camera ended; the device may have answered nonsense'));
    };
    child.on('message', (message: FromPtz) => {
      const pending = turning.pending.get(message.id);
      if (message.type === 'done') pending?.resolve(message.status);
      else pending?.reject(new RuthError(message.code in ERRORS ? message.code as ErrorCode : 'internal', message.message));
    });
    child.on('error', gone).on('exit', gone);
    child.send({ type: 'target', target } satisfies ToPtz, () => undefined);
    this.#turning.set(camera.id, turning);
    return turning;
  }

  async #end(id: string, turning: Turning): Promise<void> {
    clearTimeout(turning.quiet);
    if (this.#turning.get(id) === turning) this.#turning.delete(id);
    const { child } = turning;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    child.kill('SIGTERM');
    await once(child, 'exit').catch(() => undefined);
    clearTimeout(kill);
  }
}

/** Unless told, user and password are those of the stream. */
function targetOf(camera: CameraSettings, { url, user, password }: NonNullable<CameraSettings['onvif']>, addresses: CameraAddresses): OnvifTarget {
  const stream = new URL(camera.url);
  const decoded = (text: string): string | null => (text === '' ? null : decodeURIComponent(text));
  return { url, user: user ?? decoded(stream.username), password: password ?? decoded(stream.password), addresses };
}
