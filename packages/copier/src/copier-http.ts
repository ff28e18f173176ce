// What the copier answers on its Unix socket: health, how far it is, metrics.
import { createServer, type Server } from 'node:http';
import type { ProcessHealth } from '@ruth/protocol';
import { Metrics, METRICS_CONTENT_TYPE, processMetrics, type Metric } from '@ruth/transport';
import packageJson from '../package.json' with { type: 'json' };
import type { Copier } from './copier.ts';

const metric = (type: 'gauge' | 'counter', name: string, help: string, of: (copier: Copier) => number): Metric<Copier> => ({ name, type, help, values: (copier) => [[{}, of(copier)]] });

export const COPIER_METRICS: readonly Metric<Copier>[] = [
  metric('gauge', 'files_copied', 'Files that are kept and lie in the bucket', ({ status }) => status.copied_files),
  metric('gauge', 'files_waiting', 'Files that are kept and do not lie in the bucket yet', ({ status }) => status.waiting_files),
  metric('gauge', 'waiting_bytes', 'Bytes of the files that wait', ({ status }) => status.waiting_bytes),
  metric('gauge', 'files_damaged', 'Files that are kept and are not what was recorded; they are not copied', ({ status }) => status.damaged_files),
  metric('gauge', 'failing', '1 while the bucket or the kernel cannot be reached, or refuses', ({ status }) => Number(status.state === 'failing')),
  metric('counter', 'copied_bytes_total', 'Bytes that were copied', ({ counters }) => counters.copiedBytes),
  metric('counter', 'failures_total', 'Times that copying was ended by an error; it is tried again', ({ counters }) => counters.failures),
];

export function copierServer(copier: Copier): Server {
  const startedAtMs = performance.now();
  const metrics = new Metrics<Copier>('ruth_copier_', () => copier, [...COPIER_METRICS, ...processMetrics()]);
  const health = (): ProcessHealth => ({ process: 'copier', status: 'ready', version: packageJson.version, pid: process.pid, uptime_ms: performance.now() - startedAtMs });
  const answer = async (url: string | undefined): Promise<[status: number, type: string, text: string]> => {
    if (url === '/v1/health') return [200, 'application/json', JSON.stringify(health())];
    if (url === '/v1/copies') return [200, 'application/json', JSON.stringify(copier.status)];
    if (url === '/v1/metrics') return [200, METRICS_CONTENT_TYPE, await metrics.text()];
    return [404, 'application/json', JSON.stringify({ error: `there is nothing at ${String(url).slice(0, 200)}`, error_code: 'not_found' })];
  };
  return createServer((request, response) => {
    answer(request.url).then(([status, type, text]) => response.writeHead(status, { 'content-type': type }).end(text), () => response.writeHead(500).end());
  });
}
