// What a custom model is: a module whose default export says how to load it and how to look at one frame. It runs in a thread of its own.
import type { Box, Manifest } from '@ruth/protocol';
import type { InputFormat, TensorData } from '../preprocess/preprocessor.ts';
import type { SourceFrame } from '../preprocess/scaler.ts';

/** How the picture gets into a tensor; what is not given is as model.yaml says. */
export type TensorOptions = Partial<InputFormat> & {
  /** The part to look at, 0..1 of the frame; that of the request unless told. */
  readonly roi?: Box;
};

export interface FrameTensor {
  /** Overwritten by the next call with the same options. */
  readonly data: TensorData;
  /** `[1, 3, height, width]` or `[1, height, width, 3]`. */
  readonly dims: readonly number[];
  /** From pixels of the tensor, `[left, top, right, bottom]`, to the whole frame, 0..1. */
  toFrame(box: Box): Box;
}

/** One frame. Planes are a copy of this frame's own, made when first asked for: whole, and safe to keep until `infer` is done. */
export interface FrameView extends Readonly<Omit<SourceFrame, 'planes'>> {
  readonly planes: readonly Uint8Array[];
}

export interface LoadContext {
  /** The model's folder: weights and whatever else it needs lie there. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Threads that inference may use. */
  readonly threads: number;
}

export interface InferContext {
  readonly frame: FrameView;
  /** Scales, converts and places the picture as the options say, by swscale straight from the ring. Throws `frame_overwritten`. */
  toTensor(options?: TensorOptions): FrameTensor;
  /** Of the request, or of model.yaml. What is below the threshold, or beyond the most, is left out by the runtime. */
  readonly config: { readonly confidenceThreshold: number; readonly iouThreshold: number; readonly maxDetections: number; readonly roi?: Box };
  /** Aborted when the client is gone or its deadline has passed: nobody needs the answer. */
  readonly signal: AbortSignal;
}

/** `bbox`: `[left, top, right, bottom]`, 0..1 of the whole frame. Of name and id one is enough where model.yaml lists the classes. */
export interface CustomDetection {
  readonly class_name?: string;
  readonly class_id?: number;
  readonly confidence: number;
  readonly bbox: Box;
  /** `[x, y, score]`, 0..1, in the order that model.yaml names. */
  readonly keypoints?: readonly (readonly [number, number, number])[];
  readonly embedding?: readonly number[];
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export interface ModelDefinition<State> {
  /** Called once in each session. */
  load(context: LoadContext): State | Promise<State>;
  /** One call at a time in each session. What it throws is answered `inference_failed`. Must keep nothing of one frame for the next. */
  infer(state: State, context: InferContext): readonly CustomDetection[] | Promise<readonly CustomDetection[]>;
}

/** For its types alone: gives back what it is given. */
export function defineModel<State>(definition: ModelDefinition<State>): ModelDefinition<State> {
  return definition;
}
