// Runs every check against one container, in the contract's order; the stop, if it is checked, comes last.
import { RuthError } from '@ruth/protocol';
import { claimSocketPath } from '@ruth/transport';
import type { Chapter, Check, Outcome, Result } from './check.ts';
import { clients } from './client-checks.ts';
import { settings } from './config-checks.ts';
import { socketServes, startContainer } from './container-process.ts';
import { errors } from './error-checks.ts';
import { frames } from './frame-checks.ts';
import { framing } from './framing-checks.ts';
import { ending, introduction } from './lifecycle-checks.ts';
import { requests } from './request-checks.ts';
import { Target, type TargetOptions } from './target.ts';

export const CHAPTERS: readonly Chapter[] = [introduction, framing, requests, settings, errors, frames, clients, ending];

/** Of the connection's waits each has its own limit; a check of many waits ends here. */
const CHECK_LIMIT_FACTOR = 6;
/** Loading a large model takes its time. */
const START_LIMIT_MS = 60_000;

export interface ConformanceOptions extends Omit<TargetOptions, 'limitMs'> {
  /** For each answer and each close; 10 000 unless told. */
  readonly limitMs?: number;
  /** Only checks whose chapter or sentence holds this text. */
  readonly only?: string | undefined;
  /** Ends the run before its time: it throws the reason, and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
  /** Told before each check. */
  readonly onCheck?: (sentence: string, index: number, count: number) => void;
}

/**
 * One result per check. With `command` the container is started and stopped here. Throws `unreachable` where nobody answers at all,
 * `bad_request` where no check fits `only`, `socket_in_use` where another runs already at the command's socket,
 * `no_space` or `invalid_config` where no ring can be made.
 */
export async function runConformance({ limitMs = 10_000, ...options }: ConformanceOptions): Promise<Result[]> {
  if (options.command === undefined) return checkAll({ ...options, limitMs });
  await claimSocketPath(options.socketPath);
  await using container = startContainer(options.command);
  if (!await socketServes(options.socketPath, START_LIMIT_MS)) throw new RuthError('unreachable', `nothing serves at ${options.socketPath} ${START_LIMIT_MS / 1000} s after its start: ${container.output}`);
  return await checkAll({ ...options, limitMs, pid: container.pid });
}

async function checkAll(options: ConformanceOptions & { limitMs: number }): Promise<Result[]> {
  using target = await Target.meet(options);
  const checks = CHAPTERS.flatMap(({ title, checks }) => checks.map((check) => ({ chapter: title, check })))
    .filter(({ chapter, check }) => `${chapter} ${check.sentence}`.toLowerCase().includes((options.only ?? '').toLowerCase()));
  if (checks.length === 0) throw new RuthError('bad_request', `no check speaks of ${JSON.stringify(options.only)}`);
  const results: Result[] = [];
  for (const [index, { chapter, check }] of checks.entries()) {
    options.onCheck?.(check.sentence, index, checks.length);
    results.push({ chapter, sentence: check.sentence, ...await outcomeOf(check, target, options.signal) });
    options.signal?.throwIfAborted();
  }
  return results;
}

async function outcomeOf(check: Check, target: Target, signal: AbortSignal | undefined): Promise<Outcome> {
  const limitMs = CHECK_LIMIT_FACTOR * target.limitMs;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not finished after ${limitMs} ms`)), limitMs);
  const stop = (): void => late.reject(new Error('stopped'));
  signal?.addEventListener('abort', stop);
  try {
    return await Promise.race([check.run(target), late.promise]);
  } catch (cause) {
    return { status: 'fail', seen: (cause as Error).message };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}
