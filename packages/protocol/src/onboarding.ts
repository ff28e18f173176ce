// What `ruth model add` asks of the process that looks at a model nobody has vouched for, and what that answers: one JSON line each.
import Type, { type Static } from 'typebox';

const strict = { additionalProperties: false } as const;

export const RecognitionTask = Type.Object({
  weights: Type.String({ description: 'Path of the ONNX file' }),
  ring_directory: Type.String({ description: 'Where the rings with the pictures lie' }),
  /** A picture is frame 0 of its ring, its mirror image frame 1. */
  pictures: Type.Array(Type.String({ description: 'Path of a ring' }), { maxItems: 64 }),
  /** Of the model's own file, for what its name tells. */
  file_name: Type.String({ maxLength: 255 }),
  /** Settles the format where a person knows it. */
  format: Type.Optional(Type.String({ maxLength: 40 })),
  names: Type.Optional(Type.Array(Type.String({ maxLength: 200 }), { maxItems: 10_000 })),
  /** For the whole trial. */
  limit_ms: Type.Integer({ minimum: 1000, maximum: 3_600_000 }),
}, strict);
export type RecognitionTask = Static<typeof RecognitionTask>;

export const RecognitionProgress = Type.Object({ progress: Type.String() });

export const RecognitionReport = Type.Object({
  /** Text of a `model.yaml` without id, name, version, weights and hash. */
  manifest: Type.Record(Type.String(), Type.Unknown()),
  family: Type.String(), because: Type.String(),
  /** False: a person must say what is meant; `manifest` is the likeliest. */
  certain: Type.Boolean(),
  /** Sentences for a person: what was tried and what it gave. */
  tried: Type.Array(Type.Object({ way: Type.String(), score: Type.Number(), gave: Type.String() })),
  notes: Type.Array(Type.String()),
  saw: Type.Object({ inputs: Type.Array(Type.String()), outputs: Type.Array(Type.String()), producer: Type.String(), opset: Type.Integer(), parameters: Type.Number(), bytes: Type.Number() }),
  /** What the model says of itself. */
  description: Type.Optional(Type.String()), author: Type.Optional(Type.String()), license: Type.Optional(Type.String()), version: Type.Optional(Type.String()),
  inference_ms: Type.Number(),
});
export type RecognitionReport = Static<typeof RecognitionReport>;
