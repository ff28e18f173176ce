// What core tells Prometheus, read from the status of its models and subscriptions. docs/metrics.md lists it.
import type { ModelStatus, SubscriptionStatus } from '@ruth/protocol';
import type { Metric } from '@ruth/transport';

export interface CoreSnapshot {
  readonly models: readonly ModelStatus[];
  readonly subscriptions: readonly SubscriptionStatus[];
  readonly cameras: number;
  readonly eventConsumers: number;
}

const labelsOf = ({ camera_id, model_id }: SubscriptionStatus): { camera: string; model: string } => ({ camera: camera_id, model: model_id });

const subscription = (type: 'gauge' | 'counter', name: string, help: string, of: (status: SubscriptionStatus) => number | null): Metric<CoreSnapshot> => ({
  name: `subscription_${name}`, type, help, labels: ['camera', 'model'], values: ({ subscriptions }) => subscriptions.map((status) => [labelsOf(status), of(status)]),
});

export const CORE_METRICS: readonly Metric<CoreSnapshot>[] = [
  { name: 'cameras', type: 'gauge', help: 'Cameras that have an agent', values: ({ cameras }) => [[{}, cameras]] },
  { name: 'model_up', type: 'gauge', help: '1 while the container of the model answers', labels: ['model'], values: ({ models }) => models.map(({ model_id, state }) => [{ model: model_id }, state === 'up' ? 1 : 0]) },
  subscription('gauge', 'desired_looks_per_second', 'Looks a second that are asked for', ({ desired_fps }) => desired_fps),
  subscription('gauge', 'looks_per_second', 'Looks that were answered, over the last seconds', ({ achieved_fps }) => achieved_fps),
  subscription('counter', 'due_total', 'Frames that were due', ({ due }) => due),
  subscription('counter', 'answered_total', 'Looks that the model answered', ({ answered }) => answered),
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
  { name: 'event_consumers', type: 'gauge', help: 'Who follows the stream of events', values: ({ eventConsumers }) => [[{}, eventConsumers]] },
];
