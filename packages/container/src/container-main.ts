// A model container, in the confinement that main.ts made.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { refusePrograms } from '@ruth/transport/confine';
import { DRAIN_LIMIT_MS, runProcess, type ProcessContext } from '@ruth/transport/process';
import { loadModel } from './model/load-model.ts';
import type { ConfinedSettings } from './service/container-settings.ts';
import { serveModel } from './service/serve-model.ts';

if (import.meta.main) await runProcess('container', serve, () => JSON.parse(readFileSync(0, 'utf8')) as ConfinedSettings);

async function serve(context: ProcessContext<ConfinedSettings>): Promise<void> {
  const { signal, drain, takeOver, settings: { socketDirectory, ringDirectory, unconfined } } = context;
  if (unconfined.length > 0) context.logger.warn({ unconfined }, 'this machine cannot take all from the container that it does not need');
  const model = await loadModel(context.positionals[0]!);
  refusePrograms();
  const logger = context.logger.child({ model_id: model.manifest.model_id });
  const container = await serveModel(model, { socketDirectory, ringDirectory, logger, takeOver, recycle: (reason) => context.recycle(reason) });
  if (!signal.aborted) {
    context.ready({ model_id: model.manifest.model_id, socket: container.socketPath, device: container.device, sessions: container.sessions, ...(container.trouble !== null && { reason: container.trouble }) });
    const shallEnd = AbortSignal.any([signal, drain]);
    if (!shallEnd.aborted) await once(shallEnd, 'abort');
    if (!signal.aborted) await container.drain({ limitMs: DRAIN_LIMIT_MS, signal });
  }
  // An inference that hangs can neither be interrupted nor outlive a normal exit, which waits for it.
  if (!await container.close()) process.kill(process.pid, 'SIGKILL');
}
