// What traces cost core: the cameras and models of the dispatch bench, with no traces asked for, one frame in a hundred traced, and every frame.
import { measureCore, pin, type CoreFigures } from './dispatch/measured-core.ts';
import type { Bench } from './runner.ts';

const ROUNDS = 3;
const RATIOS: readonly (number | null)[] = [null, 0.01, 1];

export const bench: Bench = async (report) => {
  pin(process.pid, 1);
  const middle = (of: readonly CoreFigures[], value: (figures: CoreFigures) => number): number => of.map(value).sort((a, b) => a - b)[Math.floor(of.length / 2)]!;
  const costs: { perRequest: number; p50: number; p99: number; achieved: number; last: CoreFigures }[] = [];
  for (const samplingRatio of RATIOS) {
    const rounds: CoreFigures[] = [];
    for await (const figures of measureCore({ cameras: 64, models: 3, fps: 5, rounds: ROUNDS, samplingRatio })) {
      rounds.push(figures);
      report(`${samplingRatio === null ? 'no traces' : `ratio ${samplingRatio}`}: ${figures.cpuMsPerRequest.toFixed(3)} ms a request, delay p50 ${figures.delayMs.p50.toFixed(2)}, p99 ${figures.delayMs.p99.toFixed(2)} ms, jitter ${figures.worstJitterMs.toFixed(1)} ms, spans ${JSON.stringify(figures.spans)}`);
    }
    costs.push({
      perRequest: middle(rounds, ({ cpuMsPerRequest }) => cpuMsPerRequest), p50: middle(rounds, ({ delayMs }) => delayMs.p50), p99: middle(rounds, ({ delayMs }) => delayMs.p99),
      achieved: Math.min(...rounds.map(({ achievedOverDesired }) => achievedOverDesired)), last: rounds.at(-1)!,
    });
  }
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  const [off, some, all] = costs as [typeof costs[number], typeof costs[number], typeof costs[number]];
  return {
    cpu_ms_per_request_off: round(off.perRequest), cpu_ms_per_request_1_percent: round(some.perRequest), cpu_ms_per_request_all: round(all.perRequest),
    all_over_off: round(all.perRequest / off.perRequest), one_percent_over_off: round(some.perRequest / off.perRequest),
    delay_p50_ms: [off, some, all].map(({ p50 }) => round(p50)), delay_p99_ms: [off, some, all].map(({ p99 }) => round(p99)), achieved_over_desired: [off, some, all].map(({ achieved }) => round(achieved)),
    spans_1_percent: some.last.spans, spans_all: all.last.spans,
  };
};
