// What turns a model's input tensor into its outputs: ONNX Runtime in this thread, or a server elsewhere.
import type { OutputTensor } from '../decode/detections.ts';
import type { InputFormat, TensorData } from '../preprocess/preprocessor.ts';
import type { TensorPort } from './model-inputs.ts';

export interface TensorEngine extends AsyncDisposable {
  readonly device: string;
  readonly deviceReason: string;
  readonly input: InputFormat;
  /** Says which memory holds the input from now on: of one picture, or of as many as the largest batch has. */
  bind(tensor: TensorData): void;
  /** What it gives. A size of text, or below nought, is open. */
  readonly outputs: readonly TensorPort[];
  /**
   * Runs the model on the first `pictures` of the bound input, 1 unless told; each output has them one after the other. The outputs may be overwritten by the next run. A server elsewhere
   * has `limitMs` at most. Throws `inference_failed`; of a server elsewhere also `unreachable`, `timeout`, and `deadline_exceeded` past `limitMs`.
   */
  run(pictures?: number, limitMs?: number): Promise<Record<string, OutputTensor>>;
  /** Throws `unreachable` or `timeout` where a server elsewhere is not ready. */
  assertReady?(): Promise<void>;
}
