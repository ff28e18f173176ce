// A model's container beside everything that runs: the real process, on a socket and with rings of its own, asked about pictures.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_RING_DIRECTORY, ERRORS, InferResponse, modelSocketPath, RuthError, validator, type ErrorCode, type InferConfig } from '@ruth/protocol';
import { IpcClient, type ProcessMessage, type RingWriter } from '@ruth/transport';
import { entryOf } from '../supervisor/definitions.ts';
import { endChild, guard, residentBytes, type ChildLimits } from './guarded-child.ts';
import { ringOfPicture, type SamplePicture } from './sample-pictures.ts';

const LAST_WORDS = 2000;
const ANSWER_LIMIT_MS = 60_000;
const response = validator(InferResponse);

/** Pictures in rings, for as long as it is open. */
export class PictureRings implements Disposable {
  readonly directory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-model-'));
  readonly rings: readonly RingWriter[];

  constructor(pictures: readonly SamplePicture[]) {
    this.rings = pictures.map((picture, index) => ringOfPicture(picture, `sample-${index + 1}`, this.directory));
  }

  [Symbol.dispose](): void {
    for (const ring of this.rings) ring.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface TrialContainer extends AsyncDisposable {
  readonly modelId: string;
  readonly device: string;
  readonly sessions: number;
  readonly socketPath: string;
  readonly peakBytes: number;
  /** Throws what the container answers, or which limit it met. */
  look(reference: string, frameId: number, config?: InferConfig): Promise<InferResponse>;
}

/** Throws what the container says of the model, and `timeout` or `model_invalid` beyond a limit. */
export async function startTrial(folder: string, ringDirectory: string, limits: ChildLimits): Promise<TrialContainer> {
  const socketDirectory = mkdtempSync(join(tmpdir(), 'ruth-model-'));
  const child = spawn(process.execPath, ['--single-threaded-gc', entryOf('@ruth/container'), '-c', '-', folder], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] });
  const watch = guard(child, limits);
  let said = '';
  let failure: RuthError | null = null;
  let peakBytes = 0;
  const weigh = setInterval(() => { peakBytes = Math.max(peakBytes, residentBytes(child.pid)); }, 100);
  const ready = Promise.withResolvers<Record<string, unknown>>();
  ready.promise.catch(() => undefined);
  child.on('message', (message: ProcessMessage) => {
    if (message.type === 'ready') ready.resolve(message.details);
    else if (message.type === 'failed') failure = new RuthError(message.code in ERRORS ? message.code as ErrorCode : 'internal', message.message);
  });
  child.stdout!.resume();
  child.stderr!.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-LAST_WORDS); });
  const whyGone = (): RuthError => watch.exceeded ?? failure ?? new RuthError('model_invalid', `the container of ${folder} ended by itself${said === '' ? '' : `: ${said.trim()}`}`);
  void once(child, 'exit').then(() => ready.reject(whyGone()), (cause: unknown) => ready.reject(cause));
  child.stdin!.on('error', () => undefined);
  child.stdin!.end(JSON.stringify({ paths: { socket_directory: socketDirectory, ring_directory: ringDirectory }, log_level: 'error' }));
  let client: IpcClient | null = null;
  const end = async (): Promise<void> => {
    await client?.close();
    await endChild(child);
    clearInterval(weigh);
    watch[Symbol.dispose]();
    rmSync(socketDirectory, { recursive: true, force: true });
  };
  try {
    const details = await ready.promise;
    const modelId = String(details.model_id);
    const socketPath = modelSocketPath(modelId, socketDirectory);
    const asking = client = new IpcClient(socketPath, { maxConnections: 64 });
    return {
      modelId, device: String(details.device), sessions: Number(details.sessions), socketPath,
      get peakBytes() { return peakBytes; },
      async look(reference, frameId, config) {
        const request = { frame_reference: reference, frame_metadata: { frame_id: frameId }, camera_id: 'sample', model_id: modelId, ...(config && { config }) };
        try {
          const answer = response.parse(await asking.request(request, { timeoutMs: ANSWER_LIMIT_MS }), 'internal');
          if (answer.error === null) return answer;
          throw new RuthError(answer.error_code ?? 'internal', answer.error);
        } catch (cause) {
          throw child.exitCode === null && child.signalCode === null ? cause : whyGone();
        }
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (cause) {
    await end();
    throw cause;
  }
}

export interface Speed {
  /** Of one look by itself, preprocessing included, median. */
  readonly msPerFrame: number;
  readonly inferenceMs: number;
  /** With as many looks at once as it has sessions, twice. */
  readonly framesPerSecond: number;
  /** That could be looked at five times a second each, with a fifth of the machine kept free. */
  readonly cameras: number;
}

const SPARE = 0.8;
const CAMERA_FPS = 5;

/** Measures for about `durationMs`, half of it one look after the other, half side by side. */
export async function measureSpeed(container: TrialContainer, rings: readonly RingWriter[], durationMs: number): Promise<Speed> {
  const alone: number[] = [];
  const inference: number[] = [];
  let turn = 0;
  const look = () => container.look(rings[turn++ % rings.length]!.path, 0);
  await look();
  for (const until = performance.now() + durationMs / 2; performance.now() < until || alone.length < 3;) {
    const begun = performance.now();
    const { metadata } = await look();
    alone.push(performance.now() - begun);
    inference.push(metadata.inference_time_ms ?? 0);
  }
  const begun = performance.now();
  let answered = 0;
  // One more than can be served keeps all sessions at work; of more a container says that they are too many.
  await Promise.all(Array.from({ length: container.sessions + 1 }, async () => {
    while (performance.now() - begun < durationMs / 2) {
      await look();
      answered++;
    }
  }));
  const framesPerSecond = answered / (performance.now() - begun) * 1000;
  return { msPerFrame: median(alone), inferenceMs: median(inference), framesPerSecond, cameras: Math.floor(framesPerSecond * SPARE / CAMERA_FPS) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
