// What micro-batching brings on this machine: requests a second of eight cameras that ask again when they are answered, of a container that looks at
// up to eight frames in one inference, over the same container without batches. In turns, medians. The model is one with an open batch dimension.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveModel, type LoadedModel } from '@ruth/container';
import { DEFAULT_RING_DIRECTORY } from '@ruth/protocol';
import { chooseModel } from './accuracy/model-choice.ts';
import { filledRing, median, rounded, served, type Load } from './inference-load.ts';
import type { Bench } from './runner.ts';

const WEIGHTS = join(import.meta.dirname, '../../shared/data/models/osnet_x0_25_msmt17.onnx');
const ROUNDS = 8;
const ROUND_MS = 2000;
const MOST = 8;
const DELAY_MS = 5;

export const bench: Bench = async (report) => {
  if (!existsSync(WEIGHTS)) throw new Error(`${WEIGHTS} is not there: weights with an open batch dimension are test data beside the repository`);
  const alone = await chooseModel('osnet_x0_25', WEIGHTS);
  const together: LoadedModel = { ...alone, manifest: { ...alone.manifest, resource_requirements: { ...alone.manifest.resource_requirements, max_batch: MOST, max_batch_delay_ms: DELAY_MS } } };
  const ringDirectory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-bench-'));
  const socketDirectories = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'ruth-bench-'))) as [string, string];
  try {
    using ring = filledRing(ringDirectory);
    await using single = await serveModel(alone, { ringDirectory, socketDirectory: socketDirectories[0] });
    await using batched = await serveModel(together, { ringDirectory, socketDirectory: socketDirectories[1] });
    const loads = [{ socketPath: single.socketPath, model: alone, ring }, { socketPath: batched.socketPath, model: together, ring }] satisfies Load[];
    const rates: [number[], number[]] = [[], []];
    const cpu: [number[], number[]] = [[], []];
    const sizes: number[] = [];
    for (const load of loads) await served(load, ROUND_MS);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, load] of loads.entries()) {
        const before = process.cpuUsage();
        const { perSecond, answered, batchSize } = await served(load, ROUND_MS);
        const { user, system } = process.cpuUsage(before);
        rates[index]!.push(perSecond);
        cpu[index]!.push((user + system) / 1000 / answered);
        if (index === 1) sizes.push(batchSize);
      }
      report(`round ${round + 1}: ${rates[0].at(-1)!.toFixed(1)}/s, in batches ${rates[1].at(-1)!.toFixed(1)}/s of ${sizes.at(-1)!.toFixed(1)} frames`);
    }
    const ratio = ([single, batched]: [number[], number[]]): number => rounded(median(batched.map((value, round) => value / single[round]!)));
    return {
      batched_over_single: ratio(rates), cpu_batched_over_single: ratio(cpu), model: alone.manifest.model_id, most: MOST, mean_batch: rounded(median(sizes)),
      single_per_s: rounded(median(rates[0])), batched_per_s: rounded(median(rates[1])), cpu_ms_single: rounded(median(cpu[0])), cpu_ms_batched: rounded(median(cpu[1])),
    };
  } finally {
    for (const path of [ringDirectory, ...socketDirectories]) rmSync(path, { recursive: true, force: true });
  }
};
