// Runs a model as a service: frames by reference in, detections out.
export type { Candidate, DecodeOptions, Decoder, OutputTensor } from './decode/detections.ts';
export { decoderFor } from './decode/decoder.ts';
export { iou, suppressOverlaps } from './decode/nms.ts';
export { readOnnxGraph, type OnnxGraph, type OnnxPort } from './onnx/onnx-graph.ts';
export { loadModel, type LoadedModel } from './model/load-model.ts';
export { frameX, frameY, geometryOf, type Geometry, type LetterboxMode, type Size } from './preprocess/geometry.ts';
export { Preprocessor, type InputFormat, type TensorData } from './preprocess/preprocessor.ts';
export type { SourceFrame } from './preprocess/scaler.ts';
export { serveModel, type ModelContainer, type ServeOptions } from './service/serve-model.ts';
export { defineModel, type CustomDetection, type FrameTensor, type FrameView, type InferContext, type LoadContext, type ModelDefinition, type TensorOptions } from './sdk/define-model.ts';
