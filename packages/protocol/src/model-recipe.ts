// A recipe: where the weights of a model come from, under which licence, and what is to be expected of them (`recipes/<name>.yaml`).
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

const strict = { additionalProperties: false } as const;
const text = (maxLength = 2000) => Type.String({ minLength: 1, maxLength });

export const ModelRecipe = Type.Object({
  model_id: Type.String({ pattern: ID_PATTERN }), model_name: text(200),
  source: Type.Union([
    Type.Object({ url: Type.String({ pattern: '^https://' }) }, strict),
    Type.Object({ package: text(200), file: Type.Optional(text(500)), converter: Type.Optional(Type.Enum(['tfjs'])), output: Type.Optional(text(200)) }, strict),
    Type.Object({ commands: Type.Array(text(), { minItems: 1, description: 'What makes the file, where nobody publishes it' }), file: text(200) }, strict),
  ]),
  sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  license: text(), license_note: Type.Optional(text()), author: text(200), description: text(), expect: text(),
  format: Type.Optional(text(40)), classes: Type.Optional(Type.Array(text(200))), keypoint_names: Type.Optional(Type.Array(text(100))),
}, strict);
export type ModelRecipe = Static<typeof ModelRecipe>;
