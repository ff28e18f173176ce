// A model container: one model, loaded once, serving every camera on one Unix socket until it is closed.
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { DEFAULT_RING_DIRECTORY, DEFAULT_SOCKET_DIRECTORY, modelSocketPath, RuthError } from '@ruth/protocol/base';
import type { DescribeResponse, HealthResponse } from '@ruth/protocol';
import { IpcServer } from '@ruth/transport/ipc';
import type { Logger } from '@ruth/transport';
import type { LoadedModel } from '../model/load-model.ts';
import type { PoolResult } from '../pool/request-queue.ts';
import { SessionPool } from '../pool/session-pool.ts';
import { lookLimitMs } from '../remote/limits.ts';
import type { AnswerLimits } from './custom-answer.ts';
import { createHandler, refusal } from './handler.ts';
import { MemoryWatch, privateBytes } from './memory-watch.ts';
import { Readiness } from './readiness.ts';

export interface ServeOptions {
  readonly socketDirectory?: string;
  readonly ringDirectory?: string;
  readonly logger?: Logger;
  /** Sessions side by side; the manifest's, else as many as there are cores, 8 at most, and one of a custom model. Threads share the cores among them. */
  readonly sessions?: number;
  /** Requests of a burst that may wait for a session; 8 for each session, 16 at least, unless told. */
  readonly queueLimit?: number;
  /** For one inference, past which its session hangs and is replaced; 20 times what the first one took, 4 s at least, unless told. */
  readonly inferenceLimitMs?: number;
  /** From canary to canary; 10 000 unless told. Ready is what had the expected answer within three times as long. */
  readonly canaryIntervalMs?: number;
  /** Takes the socket over, once ready, from a container that serves on it and is to drain then; false unless told. */
  readonly takeOver?: boolean;
  /** Told why this process should be replaced by another: it outgrew its memory, or a thread hangs in native code. */
  readonly recycle?: (reason: string) => void;
}

export interface ModelContainer extends AsyncDisposable {
  readonly socketPath: string;
  readonly device: string;
  readonly sessions: number;
  /** What is wrong though it serves; null where all is well. */
  readonly trouble: string | null;
  health(): HealthResponse;
  /** For a container whose socket another has taken over: answers all that it was asked, within `limitMs` and until `signal` aborts, and closes. */
  drain(options: { limitMs: number; signal?: AbortSignal }): Promise<boolean>;
  /** Answers what runs, refuses what comes, removes the socket, ends the sessions. False where an inference hangs past `graceMs`. */
  close(options?: { graceMs?: number }): Promise<boolean>;
}

// More sessions than this cost memory before they bring speed; the manifest can ask for more.
const MAX_DEFAULT_SESSIONS = 8;
const START_LIMIT_MS = 120_000;
const DEFAULT_GRACE_MS = 2000;

/** All cores, by many sessions of few threads: that gives more inferences a second than one session of many threads. */
function concurrency(wantedSessions: number | undefined, wantedThreads: number | undefined): { sessions: number; threads: number } {
  const cores = availableParallelism();
  const sessions = wantedSessions ?? Math.max(1, Math.min(MAX_DEFAULT_SESSIONS, Math.floor(cores / (wantedThreads ?? 1))));
  return { sessions, threads: wantedThreads ?? Math.max(1, Math.floor(cores / sessions)) };
}

/** Starts sessions and serves. Throws `model_invalid`, `device_unavailable`, `socket_in_use`. */
export async function serveModel(model: LoadedModel, options: ServeOptions = {}): Promise<ModelContainer> {
  const { manifest } = model;
  const resources = manifest.resource_requirements ?? {};
  const custom = manifest.model_type === 'custom';
  const { sessions, threads } = concurrency(options.sessions ?? resources.sessions ?? (custom ? 1 : undefined), resources.threads);
  // What code of one's own can do together is its own to do.
  const maxBatch = custom ? 1 : resources.max_batch ?? 1;
  const inferenceLimitMs = options.inferenceLimitMs ?? (manifest.remote && lookLimitMs(manifest.remote));
  const startedAt = performance.now();
  const counters: Record<string, number> = { requests: 0, answered: 0, failed: 0 };
  let stopping = false;
  /** Looks are made here, because the server elsewhere is away. */
  let fallback = false;

  const pool = await SessionPool.start(
    { model, threads, maxBatch, ringDirectory: options.ringDirectory ?? DEFAULT_RING_DIRECTORY },
    {
      sessions, queueLimit: options.queueLimit ?? Math.max(16, sessions * 8 * maxBatch), batchDelayMs: resources.max_batch_delay_ms ?? 0, startLimitMs: START_LIMIT_MS,
      ...(inferenceLimitMs !== undefined && { inferenceLimitMs }),
      onTrouble: (error) => options.logger?.error({ code: error.code }, error.message),
      onStuck: () => options.recycle?.('a session hangs, and its thread cannot be ended'),
    },
  );
  // Schemas are loaded where answers must be checked alone.
  const customAnswer = custom ? (await import('./custom-answer.ts')).customAnswer : null;
  const told = (result: PoolResult): PoolResult => {
    if (manifest.remote?.fallback === undefined) return result;
    const here = result.device !== 'remote';
    if (here !== fallback) options.logger?.warn({ device: result.device }, here ? `${manifest.remote.url} is away: the fallback looks here` : `${manifest.remote.url} looks again`);
    fallback = here;
    return result;
  };
  const checked = (result: PoolResult, limits: AnswerLimits): PoolResult => (customAnswer ? { ...result, detections: customAnswer(result.detections, model, limits) } : result);
  const canary = async (): Promise<PoolResult> => checked(told(await pool.canary()), { confidenceThreshold: 0, maxDetections: 1 });
  const readiness = new Readiness({
    canaryIntervalMs: options.canaryIntervalMs ?? 10_000,
    canary,
    onChange: (status, cause) => options.logger?.warn({ status, ...(cause && { code: cause.code }) }, cause?.message ?? `the model is ${status}`),
  });

  const memory = new MemoryWatch({ limitMb: resources.memory_mb, onExceeded: (reason) => options.recycle?.(reason) });
  if (memory.trouble !== null) options.logger?.error(memory.trouble);

  const wantedDevice = resources.device ?? 'auto';
  if (wantedDevice !== 'auto' && wantedDevice !== pool.device) options.logger?.warn({ device: pool.device }, `the model runs on ${pool.device}: ${pool.deviceReason}`);

  const describe = (): DescribeResponse => ({
    model_id: manifest.model_id, model_name: manifest.model_name, model_version: manifest.model_version, supported_tasks: [...manifest.supported_tasks],
    classes: [...model.classes], keypoint_names: [...model.keypointNames], skeleton: model.skeleton.map(([from, to]) => [from, to]),
    input: { ...manifest.expected_resolution }, device: pool.device, device_choice: { asked: wantedDevice, reason: pool.deviceReason },
    versions: { protocol: '1', onnxruntime: onnxRuntimeVersion(), node: process.versions.node },
    limits: { max_concurrency: sessions, max_batch: maxBatch },
    ...(manifest.confidence_threshold === undefined ? {} : { confidence_threshold: manifest.confidence_threshold }),
    ...(manifest.description !== undefined && { description: manifest.description }),
    ...(manifest.author !== undefined && { author: manifest.author }),
    ...(manifest.license !== undefined && { license: manifest.license }),
  });
  const health = (): HealthResponse => ({
    model_id: manifest.model_id, status: stopping ? 'stopping' : readiness.status, last_canary_age_ms: readiness.ageMs, uptime_ms: performance.now() - startedAt,
    counters: {
      ...counters, ...(manifest.remote?.fallback === undefined ? {} : { fallback_active: Number(fallback) }), ...readiness.counters, running: pool.running, queued: pool.queued, sessions_replaced: pool.replaced,
      connections: server.connections, ...prefixed('ipc', server.counters), ...prefixed('process', processCounters()),
    },
  });
  const handle = createHandler({
    model, describe, health,
    device: () => pool.device,
    async infer(job, runOptions) {
      if (stopping) throw new RuthError('shutting_down', 'the container is stopping');
      try {
        const result = told(await pool.run(job, runOptions));
        if (fallback) counters.fallback_looks = (counters.fallback_looks ?? 0) + 1;
        return checked(result, job);
      } catch (cause) {
        readiness.failed(RuthError.from(cause));
        throw cause;
      }
    },
    onAnswered(code) {
      counters.requests!++;
      counters[code === null ? 'answered' : 'failed']!++;
      if (code !== null) counters[`failed_${code}`] = (counters[`failed_${code}`] ?? 0) + 1;
    },
  });

  let server: IpcServer;
  try {
    // The first look of each session was its own; whether the answer is valid is seen here.
    if (custom) await canary().catch((cause: unknown) => { throw new RuthError('model_invalid', `${model.weightsPath}: ${(cause as Error).message}`, { cause }); });
    server = await IpcServer.listen(modelSocketPath(manifest.model_id, options.socketDirectory ?? DEFAULT_SOCKET_DIRECTORY), {
      handle, refuse: (error) => refusal(manifest.model_id, error), takeOver: options.takeOver ?? false,
    });
  } catch (cause) {
    readiness[Symbol.dispose]();
    memory[Symbol.dispose]();
    await pool.close({ graceMs: DEFAULT_GRACE_MS });
    throw cause;
  }

  const close = async ({ graceMs = DEFAULT_GRACE_MS }: { graceMs?: number } = {}): Promise<boolean> => {
    stopping = true;
    readiness[Symbol.dispose]();
    memory[Symbol.dispose]();
    // The pool answers what waits, so that the server has nothing left in flight when the pool is done.
    const [ended] = await Promise.all([pool.close({ graceMs }), server.close({ graceMs })]);
    return ended;
  };
  const drain: ModelContainer['drain'] = async (drainOptions) => {
    await server.drain(drainOptions);
    return close();
  };
  return { socketPath: server.path, device: pool.device, sessions, trouble: memory.trouble, health, drain, close, async [Symbol.asyncDispose]() { await close(); } };
}

function processCounters(): { cpu_ms: number; resident_bytes: number; private_bytes: number } {
  const { user, system } = process.cpuUsage();
  return { cpu_ms: (user + system) / 1000, resident_bytes: process.memoryUsage.rss(), private_bytes: privateBytes() };
}

function prefixed(prefix: string, counters: object): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).map(([key, value]) => [`${prefix}_${key}`, value as number]));
}

function onnxRuntimeVersion(): string {
  return (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
}
