// What all commands that stay in the foreground share: the terminal, Ctrl-C, the page's address, and the exit status.
import { redactUrls, RuthError } from '@ruth/protocol';
import open from 'open';
import { openTerminal, type Terminal } from '../terminal.ts';
import { adviceAtTerminal } from './advice.ts';
import type { ServedPage } from './node-run.ts';

export interface Foreground {
  readonly environment: NodeJS.ProcessEnv;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  readonly onServing: (page: ServedPage) => void;
}

export async function foreground(options: { open: boolean; verbose: boolean }, run: (context: Foreground) => Promise<void>): Promise<void> {
  const interactive = process.stdout.isTTY;
  const terminal = openTerminal({ interactive, verbose: options.verbose, level: 'info' });
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (interactive && !stop.signal.aborted) console.log('\nRuth is stopping...');
      stop.abort();
    });
  }
  // A reader of our output that went away must not keep us from ending the processes.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop.abort());
  try {
    await run({
      environment: process.env, terminal, signal: stop.signal,
      onServing({ url, signInUrl, firstAdmin }) {
        console.log(`${interactive ? '\n' : ''}Ruth is running. Its page${signInUrl ? `, with a link that signs you in, once (later: ${url})` : ''}:`);
        console.log(signInUrl ?? url);
        if (firstAdmin) console.log(`The first user is ${firstAdmin.name}, with the password ${firstAdmin.password}: it works once, and is shown this once.`);
        if (interactive) console.log('Ctrl-C stops it.\n');
        if (options.open && hasDisplay()) void open(signInUrl ?? url).catch(() => undefined);
      },
    });
    process.exit(0);
  } catch (cause) {
    if (stop.signal.aborted) process.exit(0);
    const error = RuthError.from(cause);
    console.error(redactUrls(error.message));
    if (error.code === 'internal') console.error(error.stack);
    else console.error(adviceAtTerminal(error));
    process.exit(1);
  }
}

function hasDisplay(): boolean {
  if (!process.stdout.isTTY || process.env.CI) return false;
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY);
}
