// What a person at a terminal sees, and what a log collector reads: lines for the one, JSON lines for the other.
import { ERRORS } from '@ruth/protocol';
import { createLogger, type Logger } from '@ruth/transport';
import pretty from 'pino-pretty';

export interface Terminal {
  readonly logger: Logger;
  /** Takes a line that a process wrote: a JSON log line, or anything else. */
  forward(name: string, line: string): void;
}

/** At a terminal, processes' `info` lines are left out unless `verbose`; without one, every line goes through as it is. */
export function openTerminal(options: { interactive: boolean; verbose: boolean; level: string }): Terminal {
  if (!options.interactive) {
    const logger = createLogger('ruth', options.level);
    return { logger, forward: (name, line) => { if (line.startsWith('{')) process.stdout.write(`${line}\n`); else logger.warn({ process: name }, line); } };
  }
  const stream = pretty({ colorize: process.stdout.hasColors?.() ?? false, ignore: 'pid,hostname,process,state,name', messageFormat: '{if name}{name}: {end}{msg}', singleLine: true, sync: true });
  const quiet = !options.verbose;
  const forward = (name: string, line: string): void => {
    if (!line.startsWith('{')) { stream.write(`${JSON.stringify({ level: 40, time: Date.now(), name, msg: line })}\n`); return; }
    const level = /"level":(\d+)/.exec(line)?.[1];
    if (!quiet || Number(level) >= 40) stream.write(`${quiet ? withoutStack(line) : line}\n`);
  };
  return { logger: createLogger('ruth', quiet ? 'warn' : 'info', stream), forward };
}

/** Where an error that Ruth knows was thrown is of no use to whoever reads what it says. */
function withoutStack(line: string): string {
  try {
    const { err, ...entry } = JSON.parse(line) as { err?: { code?: string }; msg?: string };
    return err?.code !== undefined && err.code !== 'internal' && Object.hasOwn(ERRORS, err.code) ? JSON.stringify(entry) : line;
  } catch {
    return line;
  }
}
