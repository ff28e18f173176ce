// What a process that is only asked how it is answers on its Unix socket: health, metrics, and what else it has to tell. One that takes orders (kernel, core,
// fleet) has routes, and fastify for them.
import { createServer, type Server } from 'node:http';
import { RuthError, type ErrorBody, type ProcessHealth } from '@ruth/protocol';
import { METRICS_CONTENT_TYPE, type Metrics } from './metrics.ts';

export interface ProcessServerOptions<Snapshot> {
  readonly process: ProcessHealth['process'];
  readonly version: string;
  readonly metrics: Metrics<Snapshot>;
  /** By path; what is returned is told as JSON, a RuthError that is thrown with its status. */
  readonly tells: Readonly<Record<string, (query: URLSearchParams) => unknown>>;
}

interface Answer { readonly status: number; readonly type: string; readonly text: string }

/** Not listening yet. */
export function processServer<Snapshot>({ process: name, version, metrics, tells }: ProcessServerOptions<Snapshot>): Server {
  const startedAtMs = performance.now();
  const health = (): ProcessHealth => ({ process: name, status: 'ready', version, pid: process.pid, uptime_ms: performance.now() - startedAtMs });
  const all = new Map<string, (query: URLSearchParams) => unknown>([...Object.entries(tells), ['/v1/health', health]]);
  const answer = async (asked: string): Promise<Answer> => {
    const url = new URL(asked, 'http://process');
    if (url.pathname === '/v1/metrics') return { status: 200, type: METRICS_CONTENT_TYPE, text: await metrics.text() };
    const tell = all.get(url.pathname);
    if (!tell) throw new RuthError('not_found', `there is nothing at ${url.pathname.slice(0, 200)}`);
    return json(200, await tell(url.searchParams));
  };
  return createServer((request, response) => {
    void answer(request.url ?? '/').catch((cause: unknown) => refused(RuthError.from(cause))).then(({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text), () => response.destroy());
  });
}

const json = (status: number, body: unknown): Answer => ({ status, type: 'application/json', text: JSON.stringify(body) });

function refused({ httpStatus, message, code, advice }: RuthError): Answer {
  const body: ErrorBody = { error: message, error_code: code, advice };
  return json(httpStatus, body);
}
