// Kills, stops and hangs one model container after the other, under load, as a node's supervisor runs them. Counts the requests of the
// other models that were lost meanwhile, and how long the one that was hit is away. RUTH_CHAOS_BLOWS (100) says how many blows.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BUILT_IN_POSE, DEFAULT_RING_DIRECTORY, modelSocketPath, type InferResponse } from '@ruth/protocol';
import { createLogger, IpcClient, RingWriter } from '@ruth/transport';
import { containerProcess, Supervisor, type SupervisedProcess } from '@ruth/cli';
import type { Bench } from '../../bench/runner.ts';
import { MANIFEST, probeModel, publishGrey } from '../../packages/container/test/harness.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Real models, each in a container that is killed or stopped in turn; the last is never hit. */
const MODELS = ['first', 'second', 'third', 'bystander'] as const;
const HANGING = 'hanging';
const BLOWS = ['kill', 'stop', 'hang'] as const;
type Blow = (typeof BLOWS)[number];
const ASK_EVERY_MS = 100;
/** Longer away than this, and the run is over. */
const MOST_MS = 60_000;

interface Model { readonly id: string; readonly process: SupervisedProcess; readonly client: IpcClient; asked: number; errors: string[]; frameId: number }

export const bench: Bench = async (report) => {
  const wanted = Number(process.env.RUTH_CHAOS_BLOWS ?? 100);
  const folder = mkdtempSync(join(tmpdir(), 'ruth-chaos-'));
  const ringDirectory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-chaos-'));
  try {
    using ring = RingWriter.create({ cameraId: 'cam', width: 640, height: 360, format: 'NV12', slotCount: 2, ringDirectory });
    const [black, white] = [publishGrey(ring, 0), publishGrey(ring, 255)];
    const settings = `paths: { socket_directory: ${folder}, ring_directory: ${ringDirectory} }\n`;
    await using supervisor = new Supervisor({ logger: createLogger('chaos', 'silent'), forward: () => undefined });
    const models: Model[] = [];
    for (const id of [...MODELS, HANGING]) {
      const supervised = supervisor.start(containerProcess(id, folderOf(folder, id), settings));
      await supervised.firstReady;
      models.push({ id, process: supervised, client: new IpcClient(modelSocketPath(id, folder)), asked: 0, errors: [], frameId: black });
    }
    const ask = async (model: Model, frameId = black): Promise<string | null> => {
      try {
        const answer = await model.client.request({ frame_reference: ring.path, frame_metadata: { frame_id: frameId }, camera_id: 'cam', model_id: model.id }, { timeoutMs: MOST_MS }) as InferResponse;
        return answer.error;
      } catch (cause) {
        return (cause as Error).message;
      }
    };
    let over = false;
    const load = models.map(async (model) => {
      for (; !over; await delay(ASK_EVERY_MS)) {
        model.asked++;
        const error = await ask(model);
        if (error !== null) model.errors.push(error);
      }
    });

    const away: Record<Blow, number[]> = { kill: [], stop: [], hang: [] };
    const seen: Record<Blow, number[]> = { kill: [], stop: [], hang: [] };
    const lost: string[] = [];
    let lastHungPid: number | null = null;
    for (let index = 0; index < wanted; index++) {
      const blow = BLOWS[index % BLOWS.length]!;
      const victim = blow === 'hang' ? models.find(({ id }) => id === HANGING)! : models[Math.floor(index / BLOWS.length * 2 + (blow === 'stop' ? 1 : 0)) % (MODELS.length - 1)]!;
      if (blow === 'hang') await until(() => victim.process.pid !== lastHungPid, 'a process whose thread hung is replaced');
      const before = new Map(models.map((model) => [model.id, model.errors.length]));
      const pid = victim.process.pid!;
      const begunMs = performance.now();
      if (blow === 'hang') {
        lastHungPid = pid;
        await ask(victim, white);
      } else {
        process.kill(pid, blow === 'kill' ? 'SIGKILL' : 'SIGSTOP');
        await until(() => !alive(pid), `${victim.id} is ended after ${blow}`);
      }
      const seenMs = performance.now();
      await until(async () => await ask(victim) === null, `${victim.id} answers again after ${blow}`);
      away[blow].push(performance.now() - seenMs);
      seen[blow].push(seenMs - begunMs);
      for (const model of models) if (model !== victim) lost.push(...model.errors.slice(before.get(model.id)).map((error) => `${model.id} at ${blow} of ${victim.id}: ${error}`));
      report(`${index + 1} ${blow} ${victim.id}: seen in ${Math.round(seen[blow].at(-1)!)} ms, answers ${Math.round(away[blow].at(-1)!)} ms later`);
    }
    over = true;
    await Promise.all(load);
    for (const model of models) await model.client.close();
    for (const line of new Set(lost)) report(line);
    const all = Object.values(away).flat();
    return {
      lost_requests_other_models: lost.length, p95_ready_ms: percentile(all, 0.95), median_ready_ms: percentile(all, 0.5), most_ready_ms: Math.max(...all.map(Math.round)), blows: all.length,
      p95_ready_ms_by_blow: Object.fromEntries(BLOWS.map((blow) => [blow, percentile(away[blow], 0.95)])),
      p95_seen_ms_by_blow: Object.fromEntries(BLOWS.map((blow) => [blow, percentile(seen[blow], 0.95)])),
      requests: models.reduce((sum, { asked }) => sum + asked, 0),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(ringDirectory, { recursive: true, force: true });
  }
};

/** The built-in pose model under another id, or one that loops for ever on anything but black. */
function folderOf(folder: string, id: string): string {
  const target = join(folder, id);
  if (id === HANGING) {
    mkdirSync(target);
    writeFileSync(join(target, 'model.yaml'), MANIFEST.replace('model_id: probe', `model_id: ${id}`));
    writeFileSync(join(target, 'probe.onnx'), probeModel({ hanging: true }));
    return target;
  }
  cpSync(join(ROOT, 'models', BUILT_IN_POSE), target, { recursive: true });
  const path = join(target, 'model.yaml');
  writeFileSync(path, readFileSync(path, 'utf8').replace(`model_id: ${BUILT_IN_POSE}`, `model_id: ${id}`));
  return target;
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const limitMs = performance.now() + MOST_MS; !await condition(); await delay(10)) {
    if (performance.now() > limitMs) throw new Error(`in vain for ${MOST_MS} ms: ${what}`);
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function percentile(values: readonly number[], share: number): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? NaN);
}
