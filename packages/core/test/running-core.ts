// A core in this process that serves its API on its socket, to be asked as its neighbours ask it.
import { request } from 'node:http';
import { coreSocketPath, kernelSocketPath } from '@ruth/protocol';
import { listenOnSocket, type Telemetry } from '@ruth/transport';
import { Core, createHttp, KernelClient, type CoreOptions } from '../src/index.ts';
import { silent, type Place } from './stand-ins.ts';

export interface RunningCore extends AsyncDisposable {
  readonly core: Core;
  readonly ask: (method: string, path: string, body?: unknown) => Promise<{ status: number; body: Record<string, unknown> }>;
  /** What a GET is answered, as it is. */
  readonly text: (path: string) => Promise<string>;
}

/** The model `finder` is known and no camera, unless told. */
export async function startCore(place: Place, settings: Partial<CoreOptions['settings']> = {}, telemetry: Telemetry | null = null): Promise<RunningCore> {
  const stop = new AbortController();
  const kernel = new KernelClient(kernelSocketPath(place.socketDirectory));
  const { socketDirectory, ringDirectory, dataDirectory } = place;
  const core = new Core({
    kernel, logger: silent, telemetry, settings: { socketDirectory, ringDirectory, dataDirectory, cameras: [], models: [{ id: 'finder', folder: 'finder' }], subscriptions: [], scenes: {}, rules: [], ...settings },
  });
  const app = createHttp(core, stop.signal, {}, telemetry);
  await app.ready();
  const socketPath = coreSocketPath(socketDirectory);
  await listenOnSocket(app.server, socketPath);
  core.start();
  const exchange = (method: string, path: string, body?: unknown) => new Promise<{ status: number; text: string }>((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, headers: body === undefined ? {} : { 'content-type': 'application/json' } }, (response) => void response.toArray().then((chunks) => {
      resolve({ status: response.statusCode!, text: Buffer.concat(chunks as Buffer[]).toString() });
    }, reject)).on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
  return {
    core,
    text: async (path) => (await exchange('GET', path)).text,
    ask: async (method, path, body) => {
      const { status, text } = await exchange(method, path, body);
      return { status, body: text === '' ? {} : JSON.parse(text) as Record<string, unknown> };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await app.close();
      await core[Symbol.asyncDispose]();
      await kernel[Symbol.asyncDispose]();
    },
  };
}

export async function until(wanted: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + 60_000; !await wanted();) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
