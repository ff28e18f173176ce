// A model container, in the confinement that main.ts made.
import { once } from 'node:events';
import { RuthError } from '@ruth/protocol';
import { DRAIN_LIMIT_MS, refusePrograms, runProcess } from '@ruth/transport';
import { loadModel } from './model/load-model.ts';
import { serveModel } from './service/serve-model.ts';

await runProcess('container', async (context) => {
  const { signal, drain, takeOver, settings: { socketDirectory, ringDirectory } } = context;
  const [folder, ...more] = context.positionals;
  if (folder === undefined || more.length > 0) throw new RuthError('invalid_config', 'name one model folder, e.g. models/centernet-coco');
  const model = await loadModel(folder);
  refusePrograms();
  const logger = context.logger.child({ model_id: model.manifest.model_id });
  const container = await serveModel(model, { socketDirectory, ringDirectory, logger, takeOver, recycle: (reason) => context.recycle(reason) });
  if (!signal.aborted) {
    context.ready({ model_id: model.manifest.model_id, socket: container.socketPath, device: container.device, sessions: container.sessions });
    const shallEnd = AbortSignal.any([signal, drain]);
    if (!shallEnd.aborted) await once(shallEnd, 'abort');
    if (!signal.aborted) await container.drain({ limitMs: DRAIN_LIMIT_MS, signal });
  }
  // An inference that hangs can neither be interrupted nor outlive a normal exit, which waits for it.
  if (!await container.close()) process.kill(process.pid, 'SIGKILL');
});
