// Runs a node in the foreground: starts its processes, prints the page's address, waits for Ctrl-C, and leaves nothing behind.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { coreEventsPath, coreSocketPath, kernelSocketPath, modelSocketPath, RuthError, supervisorSocketPath, type Settings } from '@ruth/protocol';
import { claimSocketPath, type Logger, sweepEventStore, sweepOrphanRings } from '@ruth/transport';
import { followingFile } from '../settings/cameras-of-file.ts';
import { withFixedPort } from '../settings/free-port.ts';
import { settingsFileOf, type SettingsSource } from '../settings/resolve-settings.ts';
import { SettingsFile } from '../settings/settings-file.ts';
import { CapacityWatch } from '../supervisor/capacity/capacity-watch.ts';
import { sampleNode } from '../supervisor/capacity/node-sample.ts';
import { createControl, listenForControl } from '../supervisor/control.ts';
import { nodeProcesses } from '../supervisor/definitions.ts';
import { ModelFolders } from '../supervisor/model-folders.ts';
import { ModelJobs } from '../supervisor/model-jobs.ts';
import { ModelUploads } from '../supervisor/model-uploads.ts';
import { NodeCameras } from '../supervisor/node-cameras.ts';
import { NodeModels } from '../supervisor/node-models.ts';
import { RunningNode } from '../supervisor/running-node.ts';
import type { ProcessDefinition } from '../supervisor/process-definition.ts';
import { Supervisor } from '../supervisor/supervisor.ts';

export interface ServedPage {
  readonly url: string;
  /** An address that signs in, once; null where the page is served beyond this machine. */
  readonly signInUrl: string | null;
  /** On the first start of all: somebody who may do everything, and a password that works once. */
  readonly firstAdmin: { readonly name: string; readonly password: string } | null;
}

export interface NodeRun {
  readonly settings: Settings;
  /** Where the settings come from: a process that is started again gets the cameras that are there by then, and what is changed is kept there. */
  readonly source: SettingsSource;
  readonly logger: Logger;
  readonly forward: (name: string, line: string) => void;
  readonly signal: AbortSignal;
  /** Called once the page is served. */
  readonly onServing: (page: ServedPage) => void | Promise<void>;
}

/** A supervisor that already runs what the node needs first, such as a demo camera, may be given. */
export async function runNode(run: NodeRun, supervisor: Supervisor = new Supervisor(run)): Promise<void> {
  const { logger, signal } = run;
  const settings = await withFixedPort(run.settings);
  sealCredentials(run);
  await refuseTakenSockets(settings);
  try {
    let models: NodeModels | null = null;
    const source = { ...run.source, models: () => models?.switches() ?? [] };
    const stdin = followingFile(settings, source, logger);
    const processes = new Map(nodeProcesses(settings, stdin).map((definition: ProcessDefinition) => [definition.name, supervisor.start(definition)]));
    const cameras = new NodeCameras({ source, socketDirectory: settings.socketDirectory, logger });
    models = new NodeModels({ supervisor, node: new RunningNode(settings), cameras, stdin, modelsDirectory: settings.modelsDirectory, settingsFile: settingsFileOf(source), logger }, settings.models);
    await using _control = await serveControl(run, settings, { supervisor, models, cameras });
    const stopped = new Promise<void>((resolve) => { signal.addEventListener('abort', () => resolve(), { once: true }); });
    const server = processes.get('server')!;
    const serving = server.firstReady.then(async ({ url }) => {
      const { signInUrl = null, firstAdmin = null } = server.firstSecrets as Partial<ServedPage>;
      await run.onServing({ url: String(url), signInUrl, firstAdmin });
    });
    await Promise.race([serving, stopped, supervisor.fatal]);
    await Promise.race([stopped, supervisor.fatal]);
  } finally {
    await supervisor[Symbol.asyncDispose]();
    await tidy(settings, logger);
  }
}

/** The control API and the folders of models, until it is disposed of. */
async function serveControl({ logger, source }: NodeRun, settings: Settings, { supervisor, models, cameras }: { supervisor: Supervisor; models: NodeModels; cameras: NodeCameras }): Promise<AsyncDisposable> {
  const { modelsDirectory, socketDirectory } = settings;
  const settingsFile = settingsFileOf(source);
  const uploads = settingsFile === undefined ? null : new ModelUploads({ directory: join(settings.dataDirectory, 'model-uploads'), modelsDirectory });
  const jobs = settingsFile === undefined ? null : new ModelJobs(settingsFile, uploads);
  const capacity = new CapacityWatch({
    sample: () => sampleNode(socketDirectory, supervisor.statuses()), limits: () => ({ maxAgeDays: settings.recording?.maxAgeDays ?? null, minFreeBytes: settings.recording?.minFreeBytes ?? 0 }),
  });
  const control = createControl(supervisor, models, cameras, { jobs, uploads, capacity });
  await listenForControl(control, socketDirectory);
  const stop = new AbortController();
  const watching = Promise.all([new ModelFolders({ directory: modelsDirectory, models, logger }).run(stop.signal), capacity.run(stop.signal)]);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([control.close(), watching, jobs?.[Symbol.asyncDispose]()]);
      uploads?.[Symbol.dispose]();
    },
  };
}

/** What people wrote into the file in plain is sealed from now on, where the file may be written. */
function sealCredentials({ source, logger }: NodeRun): void {
  const path = settingsFileOf(source);
  if (path === undefined || !existsSync(path)) return;
  try {
    if (SettingsFile.read(path).sealPlain()) logger.info(`${path}: credentials of cameras are sealed now; the key that opens them is in the data directory, and belongs into backups of its own`);
  } catch (cause) {
    logger.warn(`${path}: credentials of cameras stay as they are: ${RuthError.from(cause).message}`);
  }
}

/** Another Ruth on the same sockets is said at once, before anything is started. */
async function refuseTakenSockets(settings: Settings): Promise<void> {
  for (const path of socketsOf(settings)) await claimSocketPath(path);
}

/** Removes what a process that had to be killed left. Each process removes its own; this finds nothing on a good day. */
async function tidy(settings: Settings, logger: Logger): Promise<void> {
  for (const path of socketsOf(settings)) {
    await claimSocketPath(path).catch((error: unknown) => logger.warn({ code: RuthError.from(error).code }, `${path} is left: ${RuthError.from(error).message}`));
  }
  sweepEventStore(coreEventsPath(settings.ringDirectory));
  try {
    readdirSync(settings.ringDirectory);
    for (const path of sweepOrphanRings({ ringDirectory: settings.ringDirectory })) logger.warn(`removed ${path}, which its writer had left`);
  } catch (error) {
    logger.warn(`rings could not be swept: ${(error as Error).message}`);
  }
}

function socketsOf(settings: Settings): string[] {
  const { socketDirectory } = settings;
  return [supervisorSocketPath(socketDirectory), kernelSocketPath(socketDirectory), coreSocketPath(socketDirectory), ...settings.models.map((model) => modelSocketPath(model.id, socketDirectory))];
}
