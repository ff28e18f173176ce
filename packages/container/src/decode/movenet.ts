// MoveNet single pose: `[1, 1, K, 3]`, y x score of each keypoint, 0..1 of the input. Source: its model card
// (Google, 2021). It always answers; a pose counts by the mean of its keypoint scores.
import { RuthError } from '@ruth/protocol/base';
import { box, type Decoder, type DecoderContext } from './detections.ts';

/** Keypoints below it say nothing of where the person is. */
const SEEN_SCORE = 0.2;

export function movenet({ output, input, keypointCount }: DecoderContext): Decoder {
  return {
    overlapping: false,
    decode(outputs, { scoreThreshold }) {
      const { dims, data } = output(outputs);
      if (dims.at(-1) !== 3 || data.length === 0 || (keypointCount > 0 && data.length !== keypointCount * 3)) {
        throw new RuthError('inference_failed', `the model's output has shape [${dims.join(', ')}]; movenet in model.yaml means [1, 1, ${keypointCount || 'K'}, 3]`);
      }
      const keypoints = new Float32Array(data.length);
      let sum = 0;
      for (let at = 0; at < data.length; at += 3) {
        keypoints[at] = data[at + 1]! * input.width;
        keypoints[at + 1] = data[at]! * input.height;
        keypoints[at + 2] = data[at + 2]!;
        sum += data[at + 2]!;
      }
      const score = sum / (data.length / 3);
      if (!(score >= scoreThreshold)) return [];
      let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
      for (let at = 0; at < keypoints.length; at += 3) {
        if (!(keypoints[at + 2]! >= SEEN_SCORE)) continue;
        [left, right] = [Math.min(left, keypoints[at]!), Math.max(right, keypoints[at]!)];
        [top, bottom] = [Math.min(top, keypoints[at + 1]!), Math.max(bottom, keypoints[at + 1]!)];
      }
      const person = box(0, score, left, top, right, bottom, keypoints);
      return person ? [person] : [];
    },
  };
}
