// JSON lines on standard output. Credentials in URLs are removed from every line, wherever in it they stand.
import { redactUrls } from '@ruth/protocol';
import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

export function createLogger(processName: string, level: string): Logger {
  return pino({ name: processName, level, base: { pid: process.pid }, hooks: { streamWrite: redactUrls } }, pino.destination({ dest: 1, sync: true }));
}
