// GET /v1/metrics of the kernel, in Prometheus' text form.
import type { CameraStatus, KernelEvent } from '@ruth/protocol';
import { Metrics, METRICS_CONTENT_TYPE, processMetrics, type EventLog } from '@ruth/transport';
import type { FastifyInstance } from 'fastify';
import type { Pipes } from '../live/webrtc/pipes/index.ts';
import type { Playback } from '../record/playback/index.ts';
import { GapCounts, KERNEL_METRICS } from './metrics.ts';

export interface MeasuredKernel {
  readonly events: EventLog<KernelEvent>;
  readonly playback: Pick<Playback, 'storage'>;
  readonly pipes: Pipes | null;
  cameras(): CameraStatus[];
}

export function addMetricsRoutes(routes: FastifyInstance, kernel: MeasuredKernel): void {
  const gaps = new GapCounts(kernel.events);
  const metrics = new Metrics('ruth_kernel_', async () => ({ cameras: kernel.cameras(), storage: await kernel.playback.storage(), gaps, pipes: await kernel.pipes?.status() ?? null }), [...KERNEL_METRICS, ...processMetrics()]);
  routes.get('/v1/metrics', async (_request, reply) => reply.type(METRICS_CONTENT_TYPE).send(await metrics.text()));
}
