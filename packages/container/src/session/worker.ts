// Entry of a session worker: one thread that may be blocked by an inference while the main thread goes on answering.
import { parentPort, workerData } from 'node:worker_threads';
import { RuthError } from '@ruth/protocol';
import { ModelSession } from './model-session.ts';
import type { WorkerRequest, WorkerResponse, WorkerSetup } from './protocol.ts';

const port = parentPort!;
const say = (response: WorkerResponse): void => port.postMessage(response);

try {
  const session = await ModelSession.create(workerData as WorkerSetup);
  port.on('message', ({ id, job }: WorkerRequest) => {
    const done = job === 'canary' ? session.canary() : session.infer(job);
    done.then(
      (result) => say({ type: 'result', id, result }),
      (cause: unknown) => {
        const { code, message } = RuthError.from(cause, 'inference_failed');
        say({ type: 'error', id, code, message });
      },
    );
  });
  say({ type: 'ready', device: session.device });
} catch (cause) {
  const { code, message } = RuthError.from(cause, 'model_invalid');
  say({ type: 'failed', code, message });
}
