// A thread of the inference bench: a bare session.run loop on a ready tensor, which is the floor for the container.
import * as ort from 'onnxruntime-node';
import { parentPort, workerData } from 'node:worker_threads';

const { weightsPath, dims, threads } = workerData as { weightsPath: string; dims: number[]; threads: number };
const session = await ort.InferenceSession.create(weightsPath, {
  intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: 'all', logSeverityLevel: 3, extra: { session: { intra_op: { allow_spinning: '0' } } },
});
const feeds = { [session.inputNames[0]!]: new ort.Tensor('float32', new Float32Array(dims.reduce((product, size) => product * size, 1)).fill(0.4), dims) };
await session.run(feeds);

parentPort!.on('message', (message: { durationMs: number } | 'end') => {
  if (message === 'end') {
    parentPort!.close();
    return;
  }
  void (async () => {
    const begun = performance.now();
    let runs = 0;
    for (; performance.now() - begun < message.durationMs; runs++) await session.run(feeds);
    parentPort!.postMessage({ perSecond: runs / (performance.now() - begun) * 1000, answered: runs });
  })();
});
parentPort!.postMessage('ready');
