// Chooses the decoder that the manifest names.
import { RuthError } from '@ruth/protocol/base';
import type { Manifest } from '@ruth/protocol';
import type { LoadedModel } from '../model/load-model.ts';
import { classification } from './classification.ts';
import type { Decoder, DecoderContext } from './detections.ts';
import { detr } from './detr.ts';
import { embedding } from './embedding.ts';
import { movenet } from './movenet.ts';
import { ssd } from './ssd.ts';
import { yunet } from './yunet.ts';
import { yolov5, yolov8, yolox } from './yolo.ts';

const DECODERS: Partial<Record<Manifest['output_schema']['format'], (context: DecoderContext) => Decoder>> = {
  yolov8, 'yolov8-pose': yolov8, yolov5, yolox, ssd, detr, movenet, yunet, classification, embedding,
};

/** Throws `model_invalid` for a format that this runtime cannot read. */
export function decoderFor(model: LoadedModel): Decoder {
  const { output_schema: schema, expected_resolution: input } = model.manifest;
  const make = DECODERS[schema.format];
  if (!make) throw new RuthError('model_invalid', `output_schema.format ${schema.format} cannot be decoded here; known: ${Object.keys(DECODERS).join(', ')}. Serve the model by a container of its own`);
  if (schema.format === 'yolov8-pose' && model.keypointNames.length === 0) throw new RuthError('model_invalid', 'output_schema.format yolov8-pose needs output_schema.keypoint_names');
  return make({
    schema, input, classCount: model.classes.length,
    keypointCount: schema.format === 'yolov8' ? 0 : model.keypointNames.length,
    output(outputs) {
      const name = schema.output ?? Object.keys(outputs)[0] ?? '';
      const tensor = outputs[name];
      if (!tensor) throw new RuthError('inference_failed', `the model has no output ${JSON.stringify(name)}; it has ${Object.keys(outputs).join(', ')}`);
      return tensor;
    },
  });
}
