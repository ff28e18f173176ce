// Detectors that give ready boxes: one tensor of rows [box, score, class, keypoints], or boxes, scores and classes apart.
import { RuthError } from '@ruth/protocol/base';
import { box, type Candidate, type Decoder, type DecoderContext, type OutputTensor } from './detections.ts';

export function ssd({ output, schema, input, keypointCount }: DecoderContext): Decoder {
  const [scaleX, scaleY] = schema.normalized_boxes ? [input.width, input.height] : [1, 1];
  const [x, y] = schema.box_order === 'yxyx' ? [1, 0] : [0, 1];
  const columns = 6 + 3 * keypointCount;
  const candidate = (data: Float32Array, at: number, classId: number, score: number, keypoints?: Float32Array): Candidate | null =>
    box(classId, score, data[at + x]! * scaleX, data[at + y]! * scaleY, data[at + x + 2]! * scaleX, data[at + y + 2]! * scaleY, keypoints);
  const keypointsAt = (data: Float32Array, at: number): Float32Array =>
    Float32Array.from(data.subarray(at + 6, at + columns), (value, index) => value * [scaleX, scaleY, 1][index % 3]!);
  return {
    overlapping: true,
    decode(outputs, { scoreThreshold }) {
      const apart = schema.output === undefined ? separateTensors(outputs) : null;
      const found: Candidate[] = [];
      const add = (data: Float32Array, at: number, classId: number, score: number, keypoints?: Float32Array): void => {
        if (!(score >= scoreThreshold) || !(classId >= 0)) return;
        const made = candidate(data, at, Math.round(classId), score, keypoints);
        if (made) found.push(made);
      };
      if (apart) {
        const { boxes, scores, classes } = apart;
        for (let row = 0; row < scores.data.length; row++) add(boxes.data, row * 4, classes.data[row]!, scores.data[row]!);
        return found;
      }
      const { dims, data } = output(outputs);
      if (dims.at(-1) !== columns) {
        throw new RuthError('inference_failed', `the model's output has shape [${dims.join(', ')}]; ssd in model.yaml means rows of ${columns}: box, score, class${keypointCount > 0 ? ', keypoints' : ''}`);
      }
      for (let at = 0; at < data.length; at += columns) add(data, at, data[at + 5]!, data[at + 4]!, keypointCount > 0 ? keypointsAt(data, at) : undefined);
      return found;
    },
  };
}

function separateTensors(outputs: Readonly<Record<string, OutputTensor>>): { boxes: OutputTensor; scores: OutputTensor; classes: OutputTensor } | null {
  const named = (pattern: RegExp): OutputTensor | undefined => Object.entries(outputs).find(([name]) => pattern.test(name))?.[1];
  const boxes = named(/box/i);
  const scores = named(/score/i);
  const classes = named(/class|label/i);
  if (!boxes || !scores || !classes) return null;
  const rows = scores.data.length;
  if (boxes.data.length !== rows * 4 || classes.data.length !== rows) {
    throw new RuthError('inference_failed', `the model gives ${boxes.data.length / 4} boxes, ${rows} scores and ${classes.data.length} classes; they must be as many`);
  }
  return { boxes, scores, classes };
}
