// Entry of a session worker: one thread that may be blocked by an inference while the main thread goes on answering.
import { parentPort, workerData } from 'node:worker_threads';
import { RuthError } from '@ruth/protocol/base';
import { ModelSession } from './model-session.ts';
import type { WorkerRequest, WorkerResponse, WorkerSetup } from './protocol.ts';

const port = parentPort!;
const say = (response: WorkerResponse): void => port.postMessage(response);

try {
  const session = await ModelSession.create(workerData as WorkerSetup);
  const answer = async (request: WorkerRequest): Promise<void> => {
    if (request.type === 'end') {
      await session[Symbol.asyncDispose]();
      port.close();
      return;
    }
    const { id, job } = request;
    try {
      say({ type: 'result', id, result: job === 'canary' ? await session.canary() : await session.infer(job) });
    } catch (cause) {
      const { code, message } = RuthError.from(cause, 'inference_failed');
      say({ type: 'error', id, code, message });
    }
  };
  let last = Promise.resolve();
  port.on('message', (request: WorkerRequest) => { last = last.then(() => answer(request)); });
  say({ type: 'ready', device: session.device, canaryMs: session.canaryMs });
} catch (cause) {
  const { code, message } = RuthError.from(cause, 'model_invalid');
  say({ type: 'failed', code, message });
}
