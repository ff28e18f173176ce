// Metrics of a process as Prometheus reads them, made when somebody asks: nothing runs between two scrapes. Names are
// ruth_<part>_<what>_<unit>.
import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import type { Registry } from 'prom-client';

export type MetricLabels = Readonly<Record<string, string>>;

/** One metric, and how its values are read from what the process knows at the moment of a scrape. */
export interface Metric<Snapshot> {
  /** Without the prefix; a counter's ends with `_total`. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly labels?: readonly string[];
  /** A null is left out: what is not known has no value. */
  readonly values: (snapshot: Snapshot) => Iterable<readonly [MetricLabels, number | null]>;
}

/** A metric of one value, without labels. */
export function valueMetric<Snapshot>(type: 'gauge' | 'counter', name: string, help: string, of: (snapshot: Snapshot) => number): Metric<Snapshot> {
  return { name, type, help, values: (snapshot) => [[{}, of(snapshot)]] };
}

/** A distribution that the process has counted itself, in fixed buckets. */
export interface HistogramMetric<Snapshot> {
  readonly name: string;
  readonly type: 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds. */
  readonly buckets: readonly number[];
  /** `counts`: of each bucket alone, one more for what is above all. */
  readonly values: (snapshot: Snapshot) => Iterable<readonly [MetricLabels, { readonly counts: ArrayLike<number>; readonly sum: number }]>;
}

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export class Metrics<Snapshot> {
  readonly #prefix: string;
  readonly #look: () => Snapshot | Promise<Snapshot>;
  readonly #metrics: readonly (Metric<Snapshot> | HistogramMetric<Snapshot>)[];
  /** Made at the first scrape: most processes are never asked, and shall not carry what answers. */
  #writers: Promise<Writers<Snapshot>> | null = null;
  /** Scrapes come one after another: each writes all values anew. */
  #scraping: Promise<unknown> = Promise.resolve();

  /** `prefix`: e.g. `ruth_kernel_`. `look` is called once for each scrape. */
  constructor(prefix: string, look: () => Snapshot | Promise<Snapshot>, metrics: readonly (Metric<Snapshot> | HistogramMetric<Snapshot>)[]) {
    this.#prefix = prefix;
    this.#look = look;
    this.#metrics = metrics;
  }

  text(): Promise<string> {
    const text = this.#scraping.then(async () => {
      const { registry, write } = await (this.#writers ??= writersOf(this.#prefix, this.#metrics));
      const snapshot = await this.#look();
      for (const one of write) one(snapshot);
      return registry.metrics();
    });
    this.#scraping = text.catch(() => undefined);
    return text;
  }
}

interface Writers<Snapshot> { readonly registry: Registry; readonly write: readonly ((snapshot: Snapshot) => void)[] }

async function writersOf<Snapshot>(prefix: string, metrics: readonly (Metric<Snapshot> | HistogramMetric<Snapshot>)[]): Promise<Writers<Snapshot>> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const write = metrics.map((each) => {
    if (each.type === 'histogram') return histogramWriter(registry, prefix, each);
    const { name, type, help, labels = [], values } = each;
    const options = { name: `${prefix}${name}`, help, labelNames: [...labels], registers: [registry] };
    const metric = type === 'gauge' ? new Gauge(options) : new Counter(options);
    return (snapshot: Snapshot): void => {
      // What is gone leaves no value behind.
      metric.reset();
      // Without labels that would leave a 0, which says something.
      if (labels.length === 0) metric.remove();
      for (const [given, value] of values(snapshot)) {
        if (value === null || !Number.isFinite(value)) continue;
        if (metric instanceof Gauge) metric.set({ ...given }, value);
        else metric.inc({ ...given }, value);
      }
    };
  });
  return { registry, write };
}

/** prom-client counts what it observes; what is counted already is registered as a metric that only tells. */
function histogramWriter<Snapshot>(registry: Registry, prefix: string, { name, help, buckets, values }: HistogramMetric<Snapshot>): (snapshot: Snapshot) => void {
  const metric = { name: `${prefix}${name}`, help, type: 'histogram', aggregator: 'sum', values: [] as { metricName: string; labels: Record<string, string>; value: number }[] };
  registry.registerMetric({ ...metric, get: () => Promise.resolve(metric) } as unknown as Parameters<Registry['registerMetric']>[0]);
  return (snapshot) => {
    metric.values = [];
    for (const [labels, { counts, sum }] of values(snapshot)) {
      let total = 0;
      for (let bucket = 0; bucket <= buckets.length; bucket++) {
        total += counts[bucket]!;
        metric.values.push({ metricName: `${metric.name}_bucket`, labels: { ...labels, le: bucket < buckets.length ? String(buckets[bucket]) : '+Inf' }, value: total });
      }
      metric.values.push({ metricName: `${metric.name}_sum`, labels: { ...labels }, value: sum }, { metricName: `${metric.name}_count`, labels: { ...labels }, value: total });
    }
  };
}

/** What every process tells of itself. No timer measures it: an idle process stays idle. */
export function processMetrics(): Metric<unknown>[] {
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  const one = (value: number): [MetricLabels, number][] => [[{}, value]];
  return [
    { name: 'process_cpu_seconds_total', type: 'counter', help: 'CPU time of the process, user and system', values: () => one((({ user, system }) => (user + system) / 1e6)(process.cpuUsage())) },
    { name: 'process_resident_memory_bytes', type: 'gauge', help: 'Resident memory of the process', values: () => one(process.memoryUsage.rss()) },
    { name: 'process_heap_used_bytes', type: 'gauge', help: 'JavaScript heap in use', values: () => one(process.memoryUsage().heapUsed) },
    { name: 'process_uptime_seconds', type: 'gauge', help: 'Since the process started', values: () => one(process.uptime()) },
    {
      name: 'process_event_loop_busy_ratio', type: 'gauge', help: 'Share of the time since the last scrape in which the event loop was busy',
      values: () => {
        const now = performance.eventLoopUtilization();
        const { utilization } = performance.eventLoopUtilization(now, before);
        before = now;
        return one(utilization);
      },
    },
  ];
}
