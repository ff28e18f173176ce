// What `GET /api/v1/health` of the server answers: every part as it was found. A part that could not be asked is never "ok".
import Type, { type Static } from 'typebox';
import { PROCESS_STATUSES, ProcessHealth } from './control.ts';
import { RecordingHealth } from './recording.ts';

const TextOrNull = Type.Union([Type.String(), Type.Null()]);

export const PartHealth = Type.Object({
  status: Type.Enum([...PROCESS_STATUSES, 'unreachable']),
  version: TextOrNull,
  /** Why it is not ready, where that is known. */
  error: TextOrNull,
});
export type PartHealth = Static<typeof PartHealth>;

export const ModelHealth = Type.Object({ model_id: Type.String(), state: Type.Enum(['up', 'down']), error: TextOrNull });
export type ModelHealth = Static<typeof ModelHealth>;

/** Of what keeps events, people and sessions: a file of SQLite, or PostgreSQL. */
export const StoreHealth = Type.Object({
  state: Type.Enum(['ok', 'failing']),
  /** What went wrong last; null where all is well. */
  message: TextOrNull,
  since: Type.Union([Type.Number(), Type.Null()], { description: 'Since when it fails: UTC, seconds' }),
});
export type StoreHealth = Static<typeof StoreHealth>;

export const SystemHealth = Type.Object({
  /** `ok` only where kernel and core are ready, every model is up, the disk takes what is recorded, and the store answers. */
  status: Type.Enum(['ok', 'degraded']),
  server: ProcessHealth,
  kernel: PartHealth,
  core: PartHealth,
  /** Null where core could not be asked. */
  models: Type.Union([Type.Array(ModelHealth), Type.Null()]),
  /** Null where the kernel could not be asked. */
  recording: Type.Union([RecordingHealth, Type.Null()]),
  store: Type.Optional(StoreHealth),
});
export type SystemHealth = Static<typeof SystemHealth>;
