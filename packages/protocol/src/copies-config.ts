// `copies:` of ruth.yaml: what is kept of recordings is copied to a bucket. Without it no process of it is started.
import Type, { type Static } from 'typebox';
import { SecretConfig } from './outward-config.ts';

export const CopiesConfig = Type.Object({
  bucket: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$', description: 'Name of a bucket that is there: 3 to 63 small letters, digits, dots and dashes' }),
  endpoint: Type.Optional(Type.String({ pattern: '^https?://[^\\s@/?#]+/?$', maxLength: 512, description: 'Of an S3-compatible storage, without credentials, e.g. https://minio.example:9000; that of AWS unless told' })),
  region: Type.Optional(Type.String({ pattern: '^[a-z0-9-]{1,64}$', description: 'us-east-1 unless told' })),
  prefix: Type.Optional(Type.String({ pattern: '^([A-Za-z0-9][A-Za-z0-9._-]{0,62}/){1,8}$', description: 'What the name of each copy begins with, e.g. shop/north/; nothing unless told' })),
  access_key_id: Type.String({ pattern: '^[!-~]{1,128}$', description: 'Of an account that may list, read and write there, and need not delete' }),
  secret_access_key: SecretConfig,
  max_mbps: Type.Optional(Type.Number({ minimum: 0.1, maximum: 100_000, description: 'Megabits a second that copying takes at most; no limit unless told' })),
}, { additionalProperties: false, description: 'Recordings that are kept are copied to a bucket of S3-compatible storage' });
export type CopiesConfig = Static<typeof CopiesConfig>;

const Count = Type.Integer({ minimum: 0 });

/** GET /v1/copies of the copier. */
export const CopiesStatus = Type.Object({
  bucket: Type.String(),
  state: Type.Enum(['looking', 'copying', 'ok', 'failing'], { description: 'looking: what is to be copied is not known yet. failing: the bucket or the kernel cannot be reached; it is tried again' }),
  copied_files: Type.Integer({ minimum: 0, description: 'That lie in the bucket' }), waiting_files: Count, waiting_bytes: Count,
  damaged_files: Type.Integer({ minimum: 0, description: 'That are not what was recorded, and are not copied; "ruth verify" names them' }),
  refused_files: Type.Integer({ minimum: 0, description: 'That the bucket does not take though it takes others; they wait, and are tried again ever less often' }),
  refusal: Type.Union([Type.String({ description: 'The file that was refused last, and why' }), Type.Null()]),
  last_copied_at: Type.Union([Type.Number({ description: 'UTC, seconds' }), Type.Null()]), error: Type.Union([Type.String(), Type.Null()]),
});
export type CopiesStatus = Static<typeof CopiesStatus>;
