// What core tells Prometheus, read from the status of its models and subscriptions. docs/metrics.md lists it.
import type { ModelStatus, SubscriptionStatus } from '@ruth/protocol';
import type { HistogramMetric, Metric } from '@ruth/transport';
import { STAGE_BUCKETS_MS, type StageHistogram } from './dispatch/stage-histograms.ts';

export interface CoreSnapshot {
  readonly models: readonly ModelStatus[];
  readonly subscriptions: readonly SubscriptionStatus[];
  readonly cameras: number;
  readonly eventConsumers: number;
  readonly latencies: readonly { readonly modelId: string; readonly stages: readonly StageHistogram[] }[];
}

const labelsOf = ({ camera_id, model_id }: SubscriptionStatus): { camera: string; model: string } => ({ camera: camera_id, model: model_id });

const subscription = (type: 'gauge' | 'counter', name: string, help: string, of: (status: SubscriptionStatus) => number | null): Metric<CoreSnapshot> => ({
  name: `subscription_${name}`, type, help, labels: ['camera', 'model'], values: ({ subscriptions }) => subscriptions.map((status) => [labelsOf(status), of(status)]),
});

export const CORE_METRICS: readonly (Metric<CoreSnapshot> | HistogramMetric<CoreSnapshot>)[] = [
  { name: 'cameras', type: 'gauge', help: 'Cameras that have an agent', values: ({ cameras }) => [[{}, cameras]] },
  { name: 'model_up', type: 'gauge', help: '1 while the container of the model answers', labels: ['model'], values: ({ models }) => models.map(({ model_id, state }) => [{ model: model_id }, state === 'up' ? 1 : 0]) },
  subscription('gauge', 'desired_looks_per_second', 'Looks a second that are asked for', ({ desired_fps }) => desired_fps),
  subscription('gauge', 'looks_per_second', 'Looks that were answered, over the last seconds', ({ achieved_fps }) => achieved_fps),
  subscription('counter', 'not_due_total', 'Frames that were not its turn', ({ not_due }) => not_due ?? null),
  subscription('counter', 'due_total', 'Frames that were due', ({ due }) => due),
  subscription('counter', 'answered_total', 'Looks that the model answered', ({ answered }) => answered),
  subscription('counter', 'identities_kept_total', 'Tracks that were known again by what they look like, as this model told', ({ identities_kept }) => identities_kept ?? null),
  subscription('counter', 'failed_total', 'Looks at which the model failed', ({ failed }) => failed),
  {
    name: 'subscription_drops_total', type: 'counter', help: 'Frames that were due and were not looked at, by cause', labels: ['camera', 'model', 'cause'],
    values: ({ subscriptions }) => subscriptions.flatMap((status) => Object.entries(status.drops).map(([cause, count]) => [{ ...labelsOf(status), cause }, count])),
  },
  {
    name: 'subscription_latency_seconds', type: 'gauge', help: 'From capture to answer, of the last looks', labels: ['camera', 'model', 'quantile'],
    values: ({ subscriptions }) => subscriptions.flatMap((status) => [['0.5', status.latency_ms?.p50], ['0.95', status.latency_ms?.p95]].map(([quantile, ms]) => [
      { ...labelsOf(status), quantile: String(quantile) }, ms === undefined ? null : Number(ms) / 1000,
    ])),
  },
  {
    name: 'look_stage_seconds', type: 'histogram', help: 'Where the time of looks goes, from the arrival of the frame to the event, by stage', labels: ['model', 'stage'],
    buckets: STAGE_BUCKETS_MS.map((ms) => ms / 1000),
    values: ({ latencies }) => latencies.flatMap(({ modelId, stages }) => stages.map(({ stage, counts, sumMs }) => [{ model: modelId, stage }, { counts, sum: sumMs / 1000 }] as const)),
  },
  { name: 'model_in_flight', type: 'gauge', help: 'Requests in flight to the container of the model', labels: ['model'], values: ({ models }) => models.map(({ model_id, dispatch }) => [{ model: model_id }, dispatch?.in_flight ?? null]) },
  { name: 'model_waiting', type: 'gauge', help: 'Subscriptions that wait for their turn at the model', labels: ['model'], values: ({ models }) => models.map(({ model_id, dispatch }) => [{ model: model_id }, dispatch?.waiting ?? null]) },
  { name: 'model_circuit_open', type: 'gauge', help: '1 while the model is not asked because it failed many times in a row', labels: ['model'], values: ({ models }) => models.map(({ model_id, dispatch }) => [{ model: model_id }, dispatch === undefined ? null : dispatch.circuit === 'closed' ? 0 : 1]) },
  { name: 'event_consumers', type: 'gauge', help: 'Who follows the stream of events', values: ({ eventConsumers }) => [[{}, eventConsumers]] },
];
