// Progress of a command that does several things: a line a step, rewritten while it runs at a terminal. Ctrl-C ends it between and
// within steps.
import { type ProgressLine, RuthError } from '@ruth/protocol';
import type { Step } from '../../onboarding/add-model.ts';

export interface Steps { readonly step: (title: string) => Step }

/** Goes to standard error, so that standard output is the answer alone. `progress`: as JSON lines, for a program that follows. */
export function steps({ json, progress }: { readonly json: boolean; readonly progress?: boolean }): Steps {
  const live = process.stderr.isTTY && !json;
  const width = (): number => Math.max(40, process.stderr.columns ?? 100) - 1;
  return {
    step(title) {
      const begun = performance.now();
      const seconds = (): number => (performance.now() - begun) / 1000;
      const head = title.padEnd(10);
      if (live) process.stderr.write(`  ${head} ...`);
      if (progress) progressLine({ step: { title, text: '', done: false, seconds: 0 } });
      return {
        say(text) {
          if (live) process.stderr.write(`\r\u001b[2K  ${`${head} ${text}`.slice(0, width() - 2)}`);
          if (progress) progressLine({ step: { title, text, done: false, seconds: seconds() } });
        },
        done(text) {
          if (progress) progressLine({ step: { title, text, done: true, seconds: seconds() } });
          if (json) return;
          const line = `${live ? '\r\u001b[2K' : ''}\u2713 ${head} ${text}  (${seconds().toFixed(1)} s)`;
          process.stderr.write(`${line}\n`);
        },
      };
    },
  };
}

export function progressLine(line: ProgressLine): void { process.stderr.write(`${JSON.stringify(line)}\n`); }

/** Runs with a signal that Ctrl-C and SIGTERM abort. */
export async function interruptible<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (process.stderr.isTTY) process.stderr.write('\n');
    stop.abort(new RuthError('cancelled', 'stopped: nothing was changed'));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  try {
    return await run(stop.signal);
  } catch (cause) {
    throw stop.signal.aborted ? stop.signal.reason : cause;
  } finally {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, onSignal);
  }
}
