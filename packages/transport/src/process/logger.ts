// JSON lines on standard output. Credentials in URLs are removed from every line, wherever in it they stand.
import { redactUrls } from '@ruth/protocol/base';
import { type DestinationStream, pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Lines go to standard output, or to `destination` where one is given. */
export function createLogger(processName: string, level: string, destination?: DestinationStream): Logger {
  return pino({ name: processName, level, base: { pid: process.pid }, hooks: { streamWrite: redactUrls } }, destination ?? pino.destination({ dest: 1, sync: true }));
}
