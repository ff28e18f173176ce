// Contract 4, models that are tried while a node runs: a job fetches one, tries it as it will be served, and takes it in; at the
// supervisor (POST|GET /v1/model-jobs, GET|DELETE /v1/model-jobs/:id, POST /v1/model-uploads, DELETE /v1/model-uploads/:id) and through the server.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const UtcSeconds = Type.Number({ description: 'UTC, seconds' });

/** `add`: a new model. `swap`: another version takes the place of one that runs. `shadow`: both look at the same pictures, nothing is swapped. */
export const MODEL_JOB_KINDS = ['add', 'swap', 'shadow'] as const;

export const ModelJobRequest = Type.Object({
  kind: Type.Enum([...MODEL_JOB_KINDS]),
  source: Type.String({
    pattern: '^(https://\\S+|npm:\\S+|upload:[0-9a-f-]{36}|[A-Za-z0-9][A-Za-z0-9._-]{0,62})$', maxLength: 2048,
    description: 'A recipe, an https:// address of an ONNX file, npm:package[@version][/file], or upload: and the id of a file that was sent to POST /api/v1/model-uploads. Files of the machine itself are added on it: ruth model add',
  }),
  model_id: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'Of a new model: its name in paths and messages, that of its file unless told. Else the model that is swapped or compared' })),
  format: Type.Optional(Type.String({ pattern: '^[a-z0-9-]{1,40}$', description: 'How its outputs are read, where that cannot be told from them' })),
  names: Type.Optional(Type.Array(Type.String({ pattern: '^[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$', maxLength: 100 }), { minItems: 1, maxItems: 2000, description: 'Names of its classes in the order of its outputs, where the file does not tell them' })),
  sha256: Type.Optional(Type.String({ pattern: '^([0-9a-f]{64}|none)$', description: 'Of the weights, as their author states it; "none" where there is none' })),
  accept_license: Type.Optional(Type.Boolean({ description: 'The licence was read and is accepted. Without it nothing is fetched that has one: the job fails with `license`' })),
  compare_s: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600, description: 'How long a shadow compares; 60 unless told' })),
}, { additionalProperties: false });
export type ModelJobRequest = Static<typeof ModelJobRequest>;

/** As much as `ruth model add` fetches unless told. */
export const LARGEST_UPLOAD_BYTES = 1e9;

/** POST /v1/model-uploads?file_name= : the bytes of an ONNX file as application/octet-stream, with their Content-Length. */
export const ModelUploadQuery = Type.Object({
  file_name: Type.String({ minLength: 6, maxLength: 255, description: 'As its author calls it, with .onnx at its end; the id of the model is made of it where none is given' }),
}, { additionalProperties: false });
export type ModelUploadQuery = Static<typeof ModelUploadQuery>;

/** The file is there, whole, for an hour or until the job that it is the source of has ended. */
export const ModelUpload = Type.Object({ upload_id: Type.String(), file_name: Type.String(), bytes: Type.Integer({ minimum: 0 }), sha256: Type.String() });
export type ModelUpload = Static<typeof ModelUpload>;

export const ModelJobStep = Type.Object({ title: Type.String(), text: Type.String(), done: Type.Boolean(), seconds: Type.Number({ minimum: 0 }) });
export type ModelJobStep = Static<typeof ModelJobStep>;

export const ModelLicense = Type.Object({ of: Type.String(), license: Type.String(), note: Nullable(Type.String()) });
export type ModelLicense = Static<typeof ModelLicense>;

export const MODEL_JOB_STATES = ['running', 'done', 'failed', 'cancelled'] as const;
export const ModelJob = Type.Object({
  job_id: Type.String(), kind: Type.Enum([...MODEL_JOB_KINDS]), source: Type.String({ description: 'As it was asked for; of an upload, the name of the file' }), model_id: Nullable(Type.String()),
  request: Type.Object(ModelJobRequest.properties, { additionalProperties: false, description: 'What was asked for: the same again, with accept_license, goes on where a licence had to be accepted' }),
  state: Type.Enum([...MODEL_JOB_STATES]), began_at: UtcSeconds, ended_at: Nullable(UtcSeconds),
  steps: Type.Array(ModelJobStep),
  license: Nullable(ModelLicense),
  result: Nullable(Type.Record(Type.String(), Type.Unknown(), { description: 'As `ruth model add --json` and `ruth model swap --json` print it' })),
  error: Nullable(Type.String()), error_code: Nullable(Type.String()),
  has_picture: Type.Boolean({ description: 'What it saw, or where both disagree most, can be had as a picture' }),
});
export type ModelJob = Static<typeof ModelJob>;

/** A line of a command that runs with --progress, on standard error. */
export const ProgressLine = Type.Union([
  Type.Object({ step: ModelJobStep }), Type.Object({ license: ModelLicense }), Type.Object({ error: Type.String(), error_code: Type.String() }),
]);
export type ProgressLine = Static<typeof ProgressLine>;

/** A model that is one job away. */
export const OfferedModel = Type.Object({
  recipe: Type.String(), model_id: Type.String(), model_name: Type.String(), license: Type.String(), license_note: Nullable(Type.String()), author: Type.String(), description: Type.String(),
  expect: Type.String({ description: 'What is to be expected of it' }), published: Type.Boolean({ description: 'false: nobody publishes it as ONNX; the job says which commands make it' }),
});
export type OfferedModel = Static<typeof OfferedModel>;
