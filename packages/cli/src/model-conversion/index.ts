// Makes ONNX models of TensorFlow.js graph models.
export { convertTfjsModel, type ConversionOptions } from './convert.ts';
export type { TfjsModelJson } from './tfjs-graph.ts';
