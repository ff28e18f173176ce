// Runs every check against one container, in the contract's order; the stop, if it is checked, comes last.
import { type Chapter, type Result } from './check.ts';
import { clients } from './client-checks.ts';
import { settings } from './config-checks.ts';
import { errors } from './error-checks.ts';
import { frames } from './frame-checks.ts';
import { framing } from './framing-checks.ts';
import { ending, introduction } from './lifecycle-checks.ts';
import { requests } from './request-checks.ts';
import { Target, type TargetOptions } from './target.ts';

export const CHAPTERS: readonly Chapter[] = [introduction, framing, requests, settings, errors, frames, clients, ending];

/** Of the connection's waits each has its own limit; a check of many waits ends here. */
const CHECK_LIMIT_FACTOR = 6;

export interface ConformanceOptions extends Omit<TargetOptions, 'limitMs'> {
  /** For each answer and each close; 10 000 unless told. */
  readonly limitMs?: number;
  /** Told before each check. */
  readonly onCheck?: (sentence: string, index: number, count: number) => void;
}

/** One result per check. Throws `unreachable` where nobody answers at all, `no_space` or `invalid_config` where no ring can be made. */
export async function runConformance({ limitMs = 10_000, ...options }: ConformanceOptions): Promise<Result[]> {
  using target = await Target.meet({ ...options, limitMs });
  const results: Result[] = [];
  const count = CHAPTERS.reduce((sum, chapter) => sum + chapter.checks.length, 0);
  for (const { title, checks } of CHAPTERS) {
    for (const check of checks) {
      const { sentence } = check;
      options.onCheck?.(sentence, results.length, count);
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => late.reject(new Error(`not finished after ${CHECK_LIMIT_FACTOR * limitMs} ms`)), CHECK_LIMIT_FACTOR * limitMs);
      try {
        results.push({ chapter: title, sentence, ...await Promise.race([check.run(target), late.promise]) });
      } catch (cause) {
        results.push({ chapter: title, sentence, status: 'fail', seen: (cause as Error).message });
      } finally {
        clearTimeout(timer);
      }
    }
  }
  return results;
}
