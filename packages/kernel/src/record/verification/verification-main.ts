// The process that looks into recordings while the kernel runs. Forked by it with one task; only reads, and gives way to everything else.
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { RECORDING_FINDINGS, RuthError, type CameraVerification, type RecordingFindingKind } from '@ruth/protocol';
import { runProcess } from '@ruth/transport';
import { whyUnplayable } from '../archive/playable.ts';
import { parseSegmentPath } from '../archive/segment-path.ts';
import { verify, type VerifyReport } from '../archive/verify.ts';
import type { FromVerification, VerificationTask } from './messages.ts';

const PROGRESS_INTERVAL_MS = 250;
const MOST_FINDINGS = 100;
const LOWEST_PRIORITY = 19;

/** Resolves when it is written; where the kernel is gone, `disconnect` ends this process. */
function send(message: FromVerification): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send!(message, undefined, undefined, () => resolve());
    else resolve();
  });
}

async function work({ directory, cameras, decode }: VerificationTask): Promise<void> {
  let nextMs = 0;
  try {
    const { files } = await verify({
      directory, repair: false, ...(cameras && { cameras }), ...(decode && { decode: whyUnplayable }),
      onProgress(done, total) {
        if (performance.now() < nextMs) return;
        nextMs = performance.now() + PROGRESS_INTERVAL_MS;
        void send({ type: 'progress', done, total });
      },
      onCamera: (cameraId, report) => void send({ type: 'camera', result: resultOf(cameraId, report) }),
    });
    await send({ type: 'progress', done: files, total: files });
    await send({ type: 'done' });
  } catch (cause) {
    const { code, message } = RuthError.from(cause);
    await send({ type: 'failed', code, message });
  }
}

function resultOf(cameraId: string, { files, bytes, counts, findings, open }: VerifyReport): CameraVerification {
  const found = (Object.keys(RECORDING_FINDINGS) as RecordingFindingKind[]).filter((kind) => counts[kind] > 0);
  return {
    camera_id: cameraId, files, bytes, open, counts: { ...counts }, advice: found.map((kind) => RECORDING_FINDINGS[kind]),
    findings: findings.slice(0, MOST_FINDINGS).map(({ kind, file, message }) => ({ kind, file, message, start: startOf(file) })),
  };
}

function startOf(file: string): number | null {
  const parsed = parseSegmentPath(file);
  return parsed && parsed.startMs / 1000;
}

await runProcess('verification', async ({ signal }) => {
  try {
    setPriority(LOWEST_PRIORITY);
  } catch {
    // Where that may not be asked for, it is as others are.
  }
  process.once('message', (task: VerificationTask) => {
    void work(task).finally(() => process.exit(0));
  });
  if (!signal.aborted) await once(signal, 'abort');
  process.exit(0);
});
