// Entry of a session worker: one thread that may be blocked by an inference while the main thread goes on answering.
import { readlinkSync } from 'node:fs';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { RuthError } from '@ruth/protocol/base';
import type { InferJob, JobResult, Session, WorkerRequest, WorkerResponse, WorkerSetup } from './protocol.ts';

if (parentPort) await serve(parentPort, workerData as WorkerSetup);

async function serve(port: MessagePort, setup: WorkerSetup): Promise<void> {
  const say = (response: WorkerResponse): void => port.postMessage(response);
  try {
    const session = await open(setup);
    let current: { readonly id: number; readonly cancel: AbortController } | null = null;
    const answer = async (request: Exclude<WorkerRequest, { type: 'cancel' }>): Promise<void> => {
      if (request.type === 'end') {
        await session[Symbol.asyncDispose]();
        port.close();
        return;
      }
      const { id, jobs } = request;
      const cancel = new AbortController();
      current = { id, cancel };
      try {
        say({ type: 'result', id, results: await looked(session, jobs, cancel.signal) });
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
    say({ type: 'ready', device: session.device, deviceReason: session.deviceReason, canaryMs: session.canaryMs, systemThreadId: systemThreadId() });
  } catch (cause) {
    const { code, message } = RuthError.from(cause, 'model_invalid');
    say({ type: 'failed', code, message });
  }
}

async function looked(session: Session, jobs: readonly InferJob[] | 'canary', signal: AbortSignal): Promise<readonly JobResult[]> {
  if (jobs === 'canary') return [await session.canary()];
  return jobs.length > 1 && session.inferTogether ? session.inferTogether(jobs) : [await session.infer(jobs[0]!, signal)];
}

/** Of two kinds of sessions only the one that is wanted is loaded. */
async function open(setup: WorkerSetup): Promise<Session> {
  if (setup.model.manifest.model_type === 'custom') return (await import('./custom-session.ts')).CustomSession.create(setup);
  return (await import('./model-session.ts')).ModelSession.create(setup);
}

/** As the operating system knows this thread; null where that does not say. */
function systemThreadId(): number | null {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return null;
  }
}
