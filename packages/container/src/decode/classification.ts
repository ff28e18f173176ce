// Classifiers: one score per class, of the whole picture. Scores that are no probabilities go through a softmax.
import { box, type Candidate, type Decoder, type DecoderContext } from './detections.ts';
import { RuthError } from '@ruth/protocol/base';

export function classification({ output, classCount, input }: DecoderContext): Decoder {
  return {
    overlapping: false,
    decode(outputs, { scoreThreshold }) {
      const { dims, data } = output(outputs);
      if (data.length < 1 || (classCount > 0 && data.length !== classCount)) {
        throw new RuthError('inference_failed', `the model's output has shape [${dims.join(', ')}]; classification in model.yaml means [1, ${classCount || 'classes'}]`);
      }
      const found: Candidate[] = [];
      for (const [classId, score] of probabilities(data).entries()) {
        const candidate = score >= scoreThreshold ? box(classId, score, 0, 0, input.width, input.height) : null;
        if (candidate) found.push(candidate);
      }
      return found;
    },
  };
}

function probabilities(scores: Float32Array): Float32Array {
  const sum = scores.reduce((total, score) => total + score, 0);
  if (Math.abs(sum - 1) < 0.01 && scores.every((score) => score >= 0)) return scores;
  const highest = scores.reduce((high, score) => Math.max(high, score), -Infinity);
  const powers = scores.map((score) => Math.exp(score - highest));
  const total = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / total);
}
