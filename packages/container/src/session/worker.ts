// Entry of a session worker: one thread that may be blocked by an inference while the main thread goes on answering.
import { parentPort, workerData } from 'node:worker_threads';
import { RuthError } from '@ruth/protocol/base';
import type { Session, WorkerRequest, WorkerResponse, WorkerSetup } from './protocol.ts';

const port = parentPort!;
const say = (response: WorkerResponse): void => port.postMessage(response);

/** Of two kinds of sessions only the one that is wanted is loaded. */
async function open(setup: WorkerSetup): Promise<Session> {
  if (setup.model.manifest.model_type === 'custom') return (await import('./custom-session.ts')).CustomSession.create(setup);
  return (await import('./model-session.ts')).ModelSession.create(setup);
}

try {
  const session = await open(workerData as WorkerSetup);
  let current: { readonly id: number; readonly cancel: AbortController } | null = null;
  const answer = async (request: Exclude<WorkerRequest, { type: 'cancel' }>): Promise<void> => {
    if (request.type === 'end') {
      await session[Symbol.asyncDispose]();
      port.close();
      return;
    }
    const { id, job } = request;
    const cancel = new AbortController();
    current = { id, cancel };
    try {
      say({ type: 'result', id, result: job === 'canary' ? await session.canary() : await session.infer(job, cancel.signal) });
    } catch (cause) {
      const { code, message } = RuthError.from(cause, 'inference_failed');
      say({ type: 'error', id, code, message });
    }
  };
  let last = Promise.resolve();
  port.on('message', (request: WorkerRequest) => {
    if (request.type !== 'cancel') last = last.then(() => answer(request));
    else if (current?.id === request.id) current.cancel.abort(new RuthError('cancelled', 'nobody needs the answer any more'));
  });
  say({ type: 'ready', device: session.device, deviceReason: session.deviceReason, canaryMs: session.canaryMs });
} catch (cause) {
  const { code, message } = RuthError.from(cause, 'model_invalid');
  say({ type: 'failed', code, message });
}
