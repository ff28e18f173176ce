// Process `kernel`.
import { once } from 'node:events';
import { runProcess } from '@ruth/transport';
import { Kernel } from './kernel.ts';

await runProcess('kernel', async (context) => {
  const { settings, logger, signal, endedBefore } = context;
  const kernel = await Kernel.start({ settings, logger, isInSite: settings.site !== null, endedBefore });
  try {
    context.ready({ socket: kernel.socketPath, cameras: settings.cameras.length });
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    await kernel.close(context.orphaned ? 'orphaned' : 'stopped');
  }
});
