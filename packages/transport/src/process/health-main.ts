// Whether a process of this node does its work, for probes of an orchestrator: `node health-main.ts [--alive] SOCKET`, the socket of a model, or
// of kernel or core. Ends with 0 where it says that it is ready (a model: its latest canary had the expected answer), with 1 and the reason where
// it does not. With --alive any answer in time will do: a process that starts, drains or waits for its remote server gains nothing by being killed.
// It is started again and again, so it loads no schemas: they take ten times as long as all the rest.
import { request } from 'node:http';
import { basename } from 'node:path';
import { json } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { modelIdOfSocket, RuthError } from '@ruth/protocol/base';
import { IpcClient } from '../ipc/client.ts';

/** Shorter than a probe's own limit, so that its reason is told. */
const ANSWER_LIMIT_MS = 4000;

try {
  const { values, positionals: [socketPath, ...more] } = parseArgs({ allowPositionals: true, options: { alive: { type: 'boolean', default: false } } });
  if (socketPath === undefined || more.length > 0) throw new RuthError('bad_request', 'name one socket, e.g. /tmp/vas_kernel.sock');
  const { status } = await healthAt(socketPath);
  if (typeof status !== 'string') throw new RuthError('internal', `${socketPath} does not tell how it is`);
  if (!values.alive && status !== 'ready') throw new RuthError('unreachable', `${socketPath} says that it is ${status}`);
  console.log(status);
} catch (cause) {
  console.error(RuthError.from(cause).message);
  process.exitCode = 1;
}

async function healthAt(socketPath: string): Promise<{ status?: unknown }> {
  if (modelIdOfSocket(basename(socketPath)) === null) return ofProcess(socketPath);
  await using client = new IpcClient(socketPath, { maxConnections: 1 });
  return await client.request({ type: 'health' }, { timeoutMs: ANSWER_LIMIT_MS }) as { status?: unknown };
}

function ofProcess(socketPath: string): Promise<{ status?: unknown }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(new RuthError('unreachable', `${socketPath} does not answer: ${cause.message}`, { cause }));
    const asked = request({ socketPath, path: '/v1/health', signal: AbortSignal.timeout(ANSWER_LIMIT_MS) }, (response) => { json(response).then((body) => resolve(body as { status?: unknown }), fail); });
    asked.on('error', fail).end();
  });
}
