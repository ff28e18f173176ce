// What a custom model may import from '@ruth/container': nothing here is dear to load.
export { RuthError } from '@ruth/protocol/base';
export { iou, suppressOverlaps } from '../decode/nms.ts';
export { defineModel, type CustomDetection, type FrameTensor, type FrameView, type InferContext, type LoadContext, type ModelDefinition, type TensorOptions } from './define-model.ts';
