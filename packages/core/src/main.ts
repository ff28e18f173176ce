// The core process: runs the agents and serves its API on the core's socket until it is told to stop.
import { setFlagsFromString } from 'node:v8';
import { coreSocketPath, kernelSocketPath } from '@ruth/protocol';
import { listenOnSocket, runProcess, secretReader, startTelemetry } from '@ruth/transport';
import packageJson from '../package.json' with { type: 'json' };
import { Core } from './core.ts';
import { createHttp } from './http.ts';
import { openKeptEvents } from './kept-events.ts';
import { KernelClient } from './kernel-client.ts';

// What is made for a look lives until the next one. V8 takes that for long and makes such things among what is old from the start, where only
// a collection of the whole heap finds them, with a pause of 10 ms (docs/design/findings.md).
setFlagsFromString('--no-allocation-site-pretenuring');

await runProcess('core', async (context) => {
  const { settings, logger, signal } = context;
  const socketPath = coreSocketPath(settings.socketDirectory);
  await using kernel = new KernelClient(kernelSocketPath(settings.socketDirectory));
  using eventStore = openKeptEvents(settings.ringDirectory, logger);
  await using telemetry = await startTelemetry({ config: settings.telemetry, process: 'core', version: packageJson.version, logger, readSecret: secretReader(process.env) });
  await using core = new Core({ settings, kernel, logger, eventStore, telemetry });
  await using app = createHttp(core, signal, {}, telemetry);
  await app.ready();
  await listenOnSocket(app.server, socketPath);
  core.start();
  context.ready({ socket: socketPath });
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
});
