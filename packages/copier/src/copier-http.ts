// What the copier answers on its Unix socket: health, how far it is, metrics.
import type { Server } from 'node:http';
import type { CopiesStatus } from '@ruth/protocol';
import { Metrics, processMetrics, processServer, valueMetric, type Metric } from '@ruth/transport';
import packageJson from '../package.json' with { type: 'json' };
import type { Copier } from './copier.ts';

export const COPIER_METRICS: readonly Metric<Copier>[] = [
  valueMetric('gauge', 'files_copied', 'Files that are kept and lie in the bucket', ({ status }) => status.copied_files),
  valueMetric('gauge', 'files_waiting', 'Files that are kept and do not lie in the bucket yet', ({ status }) => status.waiting_files),
  valueMetric('gauge', 'waiting_bytes', 'Bytes of the files that wait', ({ status }) => status.waiting_bytes),
  valueMetric('gauge', 'files_damaged', 'Files that are kept and are not what was recorded; they are not copied', ({ status }) => status.damaged_files),
  valueMetric('gauge', 'files_refused', 'Files that the bucket does not take though it takes others; each is tried again ever less often', ({ status }) => status.refused_files),
  valueMetric('gauge', 'failing', '1 while the bucket or the kernel cannot be reached, or refuses', ({ status }) => Number(status.state === 'failing')),
  valueMetric('counter', 'copied_bytes_total', 'Bytes that were copied', ({ counters }) => counters.copiedBytes),
  valueMetric('counter', 'failures_total', 'Times that copying failed: a file was refused, or all was ended by an error; it is tried again', ({ counters }) => counters.failures),
];

export function copierServer(copier: Copier): Server {
  const metrics = new Metrics<Copier>('ruth_copier_', () => copier, [...COPIER_METRICS, ...processMetrics()]);
  return processServer({ process: 'copier', version: packageJson.version, metrics, tells: { '/v1/copies': (): CopiesStatus => copier.status } });
}
