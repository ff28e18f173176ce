// Opens what runs a model: here, on a server elsewhere, or there and here. Only what that takes is loaded.
import type { LoadedModel } from '../model/load-model.ts';
import type { TensorEngine } from './tensor-engine.ts';

/** Throws `model_invalid`, `device_unavailable`, and of a server elsewhere `unreachable` and `timeout`. */
export async function openEngine(model: LoadedModel, threads: number, maxBatch = 1): Promise<TensorEngine> {
  const { remote } = model.manifest;
  if (remote?.fallback !== undefined) return (await import('../remote/fallback-engine.ts')).FallbackEngine.open(model, threads, maxBatch);
  if (remote) return (await import('../remote/remote-engine.ts')).RemoteEngine.connect(model, maxBatch);
  return (await import('./onnx-session.ts')).OnnxSession.create(model, threads, maxBatch);
}
