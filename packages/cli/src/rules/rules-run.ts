// Rules over a clip: the clip becomes frames in a ring, models look at them, core understands the looks; all of it the code that runs
// live, one frame after the other. From looks that were kept, core alone.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DEFAULT_RING_DIRECTORY, parseManifest, RuthError, type CoreEvent, type Look, type LooksHead, type ReplayModel, type ReplayTask, type Settings } from '@ruth/protocol';
import { startTrial, type TrialContainer } from '../onboarding/trial-container.ts';
import { BUILT_IN_MODELS_DIRECTORY } from '../settings/resolve-settings.ts';
import { framesInRing } from './clip-frames.ts';
import { readLooks } from './looks-file.ts';
import { Understander } from './understander.ts';

const MODEL_MEMORY_BYTES = 8e9;
const MOST_MS = 24 * 3600 * 1000;

export interface RulesRun {
  readonly head: LooksHead;
  readonly looks: readonly Look[];
  readonly events: readonly CoreEvent[];
}

export interface RunOptions {
  readonly settings: Settings;
  readonly cameraId: string;
  readonly signal: AbortSignal;
  /** When the clip begins, UTC, seconds. */
  readonly beginsAt: number;
  /** 0..1; null where it is not known. */
  readonly onProgress: (share: number | null, events: number) => void;
}

/** Throws `bad_request` for a clip that is none, `invalid_config` where no model looks at the camera, and what a model's container says. */
export async function runOnClip(path: string, { settings, cameraId, signal, beginsAt, onProgress }: RunOptions): Promise<RulesRun> {
  // A clip that is given is to be looked at, whatever the schedule.
  const subscriptions = settings.subscriptions.filter(({ camera, active }) => camera === cameraId && active).map(({ camera: _, schedule: __, ...subscription }) => subscription);
  if (subscriptions.length === 0) throw new RuthError('invalid_config', `no model looks at ${cameraId}: add a subscription, without which rules have nothing to judge`);
  const ringDirectory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-rules-'));
  const containers: TrialContainer[] = [];
  const frames = framesInRing(path, cameraId, ringDirectory, beginsAt);
  try {
    // A clip that is none is said before models are loaded.
    let next = await frames.next();
    const models: Record<string, ReplayModel> = {};
    for (const id of new Set(subscriptions.map(({ model }) => model))) {
      const folder = folderOf(id, settings);
      const container = await startTrial(folder, ringDirectory, { timeMs: MOST_MS, memoryBytes: MODEL_MEMORY_BYTES, signal });
      containers.push(container);
      models[id] = { ...describedIn(folder, subscriptions.find(({ model }) => model === id)?.config?.confidence_threshold), socket: container.socketPath };
    }
    await using understander = new Understander(signal);
    await understander.ask(taskOf(settings, cameraId, models, subscriptions));
    const [looks, events]: [Look[], CoreEvent[]] = [[], []];
    for (; !next.done; next = await frames.next()) {
      const { progress, ...frame } = next.value;
      const answer = await understander.ask(frame);
      looks.push(...answer.looks);
      events.push(...answer.events);
      onProgress(progress, events.length);
    }
    return { head: { clip: basename(path), begins_at: beginsAt, models: Object.fromEntries(Object.entries(models).map(([id, { socket: _, ...model }]) => [id, model])) }, looks, events };
  } finally {
    await frames.return(undefined);
    await Promise.all(containers.map((container) => container[Symbol.asyncDispose]()));
    rmSync(ringDirectory, { recursive: true, force: true });
  }
}

/** Throws `bad_request` for a file that holds no looks. Looks are of this camera, whatever it was called. */
export async function runOnLooks(path: string, { settings, cameraId, signal, onProgress }: RunOptions): Promise<RulesRun> {
  const { head, looks } = readLooks(path);
  await using understander = new Understander(signal);
  await understander.ask(taskOf(settings, cameraId, Object.fromEntries(Object.entries(head.models).map(([id, model]) => [id, { ...model, socket: null }])), []));
  const [told, events]: [Look[], CoreEvent[]] = [[], []];
  for (const [index, look] of looks.entries()) {
    const answer = await understander.ask({ type: 'look', look: { ...look, camera_id: cameraId } });
    told.push(...answer.looks);
    events.push(...answer.events);
    onProgress((index + 1) / looks.length, events.length);
  }
  return { head, looks: told, events };
}

function taskOf({ scenes, rules }: Settings, cameraId: string, models: ReplayTask['models'], subscriptions: ReplayTask['subscriptions']): ReplayTask {
  return { type: 'task', camera_id: cameraId, scene: scenes[cameraId] ?? {}, rules: rules.filter(({ camera }) => camera === cameraId), subscriptions, models };
}

/** A built-in model needs no folder beside the settings. */
function folderOf(modelId: string, { models }: Settings): string {
  const folder = models.find(({ id }) => id === modelId)?.folder;
  const builtIn = join(BUILT_IN_MODELS_DIRECTORY, modelId);
  if (folder !== undefined && (existsSync(folder) || !existsSync(builtIn))) return folder;
  return builtIn;
}

function describedIn(folder: string, asked: number | undefined): Omit<ReplayModel, 'socket'> {
  const path = join(folder, 'model.yaml');
  const { supported_tasks: tasks, output_schema: output, confidence_threshold: own } = parseManifest(readFileSync(path, 'utf8'), path);
  const detects = tasks.includes('detect');
  const threshold = own === undefined ? undefined : asked ?? own;
  return { detects, keypoint_names: output.keypoint_names ?? [], ...(detects && threshold !== undefined ? { confidence_threshold: threshold } : {}) };
}
