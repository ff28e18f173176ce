// What becomes of spans, for Prometheus; no values where no traces are asked for.
import type { Metric } from '../process/metrics.ts';
import type { Telemetry } from './telemetry.ts';

export function telemetryMetrics(telemetry: Telemetry | null): Metric<unknown>[] {
  const one = (type: 'gauge' | 'counter', name: string, help: string, of: (telemetry: Telemetry) => number): Metric<unknown> => ({ name, type, help, values: () => (telemetry ? [[{}, of(telemetry)]] : []) });
  return [
    one('counter', 'spans_exported_total', 'Spans that the collector took', ({ counters }) => counters.exported),
    one('counter', 'spans_failed_total', 'Spans that were let go because the collector did not take them', ({ counters }) => counters.failed),
    one('counter', 'traces_refused_total', 'Traces that were not begun because too many spans waited', ({ counters }) => counters.refused),
    one('gauge', 'spans_waiting', 'Spans that wait for the collector', ({ waiting }) => waiting),
  ];
}
