// Faces with five landmarks: for strides 8, 16 and 32 outputs cls_8, obj_8, bbox_8, kps_8 and so on, one place in a row after the
// other. Source: Wu et al., YuNet (2023), and FaceDetectorYN of OpenCV, which reads them so.
import { RuthError } from '@ruth/protocol/base';
import type { Size } from '../preprocess/geometry.ts';
import { centredBox, type Candidate, type Decoder, type DecoderContext, type OutputTensor } from './detections.ts';

export const YUNET_STRIDES = [8, 16, 32] as const;
/** In the order of the output; right and left are those of the person. */
export const YUNET_KEYPOINTS = ['right_eye', 'left_eye', 'nose_tip', 'right_mouth_corner', 'left_mouth_corner'] as const;

export function yunet({ input }: DecoderContext): Decoder {
  return {
    overlapping: true,
    decode(outputs, { scoreThreshold }) {
      return YUNET_STRIDES.flatMap((stride) => facesOf(outputs, stride, input, scoreThreshold));
    },
  };
}

function facesOf(outputs: Readonly<Record<string, OutputTensor>>, stride: number, { width, height }: Size, scoreThreshold: number): Candidate[] {
  const columns = Math.floor(width / stride);
  const places = columns * Math.floor(height / stride);
  const tensor = (name: string, quantities: number): Float32Array => {
    const found = outputs[`${name}_${stride}`];
    if (!found) throw new RuthError('inference_failed', `the model has no output ${name}_${stride}; it has ${Object.keys(outputs).join(', ')}`);
    if (found.data.length !== places * quantities) {
      throw new RuthError('inference_failed', `the output ${name}_${stride} has shape [${found.dims.join(', ')}]; yunet in model.yaml means [1, ${places}, ${quantities}] for an input of ${width}x${height}`);
    }
    return found.data;
  };
  const [classes, objects, boxes, points] = [tensor('cls', 1), tensor('obj', 1), tensor('bbox', 4), tensor('kps', 2 * YUNET_KEYPOINTS.length)];
  const found: Candidate[] = [];
  for (let place = 0; place < places; place++) {
    const score = Math.sqrt(unit(classes[place]!) * unit(objects[place]!));
    if (!(score >= scoreThreshold)) continue;
    const [column, row] = [place % columns, Math.floor(place / columns)];
    const at = place * 4;
    const keypoints = Float32Array.from({ length: 3 * YUNET_KEYPOINTS.length }, (_, index) => {
      const point = place * 2 * YUNET_KEYPOINTS.length + 2 * Math.floor(index / 3);
      if (index % 3 === 0) return (points[point]! + column) * stride;
      return index % 3 === 1 ? (points[point + 1]! + row) * stride : score;
    });
    const face = centredBox(0, score, (boxes[at]! + column) * stride, (boxes[at + 1]! + row) * stride, Math.exp(boxes[at + 2]!) * stride, Math.exp(boxes[at + 3]!) * stride, keypoints);
    if (face) found.push(face);
  }
  return found;
}

const unit = (value: number): number => Math.min(1, Math.max(0, value));
