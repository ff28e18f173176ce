// Detectors with queries, each of which is one thing or nothing (DETR, RT-DETR, RF-DETR and their kin): boxes as centre and size,
// 0..1 of the input, and a score or logit for each class; as one tensor [1, N, 4 + classes] or as two, [1, N, 4] and [1, N, classes].
// Sources: Carion et al., 2020 (softmax, the last class is "nothing"); Zhao et al., 2023 (sigmoid).
import { RuthError } from '@ruth/protocol/base';
import { centredBox, type Candidate, type Decoder, type DecoderContext, type OutputTensor } from './detections.ts';

type Activation = 'none' | 'sigmoid' | 'softmax';
/** Where box and scores of query `n` begin, each in its data. */
interface Queries { readonly count: number; readonly boxes: Float32Array; readonly boxStep: number; readonly scores: Float32Array; readonly scoreStep: number; readonly scoreStart: number; readonly classes: number; readonly joint: boolean }

export function detr({ schema, input, output, classCount }: DecoderContext): Decoder {
  return {
    // Queries are trained to divide the things among them.
    overlapping: false,
    decode(outputs, { scoreThreshold }) {
      const queries = queriesOf(outputs, schema.output === undefined ? null : output(outputs));
      const activation: Activation = schema.activation ?? (queries.joint ? 'none' : 'sigmoid');
      const classes = queries.classes - (activation === 'softmax' ? 1 : 0);
      if (classes < 1 || (classCount > 0 && classCount !== classes)) {
        throw new RuthError('inference_failed', `the model scores ${classes} classes${activation === 'softmax' ? ' and "nothing"' : ''}; model.yaml names ${classCount}`);
      }
      const found: Candidate[] = [];
      for (let query = 0; query < queries.count; query++) {
        const { boxes, boxStep, scores, scoreStep, scoreStart } = queries;
        const best = bestClass(scores, query * scoreStep + scoreStart, classes, activation);
        if (!(best.score >= scoreThreshold)) continue;
        const at = query * boxStep;
        const candidate = centredBox(best.classId, best.score, boxes[at]! * input.width, boxes[at + 1]! * input.height, boxes[at + 2]! * input.width, boxes[at + 3]! * input.height);
        if (candidate) found.push(candidate);
      }
      return found;
    },
  };
}

function queriesOf(outputs: Readonly<Record<string, OutputTensor>>, named: OutputTensor | null): Queries {
  const tensors = named ? [named] : Object.values(outputs).filter(({ dims }) => dims.length === 3 && dims[0] === 1);
  const boxes = tensors.find(({ dims }) => dims[2] === 4);
  const count = (boxes ?? tensors[0])?.dims[1] ?? 0;
  const scores = boxes && tensors.find((tensor) => tensor !== boxes && tensor.dims[1] === count);
  if (boxes && scores) return { count, boxes: boxes.data, boxStep: 4, scores: scores.data, scoreStep: scores.dims[2]!, scoreStart: 0, classes: scores.dims[2]!, joint: false };
  const [joint] = tensors;
  const columns = joint?.dims[2] ?? 0;
  if (!joint || columns < 5) {
    const shapes = Object.entries(outputs).map(([name, { dims }]) => `${name} [${dims.join(', ')}]`);
    throw new RuthError('inference_failed', `the model's outputs are ${shapes.join(', ')}; detr in model.yaml means [1, N, 4 + classes], or [1, N, 4] and [1, N, classes]`);
  }
  return { count, boxes: joint.data, boxStep: columns, scores: joint.data, scoreStep: columns, scoreStart: 4, classes: columns - 4, joint: true };
}

function bestClass(scores: Float32Array, start: number, classes: number, activation: Activation): { classId: number; score: number } {
  let [classId, highest] = [0, -Infinity];
  for (let index = 0; index < classes; index++) {
    if (scores[start + index]! > highest) [classId, highest] = [index, scores[start + index]!];
  }
  if (activation === 'none') return { classId, score: highest };
  if (activation === 'sigmoid') return { classId, score: 1 / (1 + Math.exp(-highest)) };
  const nothing = scores[start + classes]!;
  const top = Math.max(highest, nothing);
  let sum = 0;
  for (let index = 0; index <= classes; index++) sum += Math.exp(scores[start + index]! - top);
  return { classId, score: Math.exp(highest - top) / sum };
}
