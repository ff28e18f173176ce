// Re-identification and its kin: a vector that says how the whole picture (a region, usually) looks. Made of length 1, so that the
// scalar product of two is the cosine of the angle between them.
import { RuthError } from '@ruth/protocol/base';
import { type Decoder, type DecoderContext } from './detections.ts';

export function embedding({ output, input }: DecoderContext): Decoder {
  return {
    overlapping: false,
    decode(outputs) {
      const { dims, data } = output(outputs);
      const length = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0));
      if (dims.filter((size) => size !== 1).length !== 1) throw new RuthError('inference_failed', `the model's output has shape [${dims.join(', ')}]; embedding in model.yaml means [1, N]`);
      // A vector without a direction says nothing of the picture, which is another thing than seeing nothing.
      if (!(length > 0 && length < Infinity)) throw new RuthError('inference_failed', 'the model gave a vector without length, or one that is no number');
      return [{ classId: 0, score: 1, left: 0, top: 0, right: input.width, bottom: input.height, embedding: data.map((value) => value / length) }];
    },
  };
}
