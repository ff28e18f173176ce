// Contract 4, the supervisor's control API on its Unix socket: the processes of a node, and its models, which can be added, replaced,
// switched off and removed while it runs.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const Count = Type.Integer({ minimum: 0 });
const strict = { additionalProperties: false } as const;
const UtcSeconds = Type.Number({ description: 'UTC, seconds' });

export const PROCESS_STATES = ['starting', 'ready', 'waiting', 'crash_loop', 'stopped', 'replacing', 'not_replaced'] as const;

export const SupervisedProcessStatus = Type.Object({
  name: Type.String(), state: Type.Enum([...PROCESS_STATES]), pid: Nullable(Count),
  /** Of the state. */
  since: UtcSeconds,
  /** Why it is in that state, where there is a why. */
  reason: Nullable(Type.String()),
  restarts: Count,
  /** Newest last, the last twenty. */
  ends: Type.Array(Type.Object({ at: UtcSeconds, reason: Type.String() })),
  resident_bytes: Nullable(Count), cpu_s: Nullable(Type.Number({ minimum: 0 })),
});
export type SupervisedProcessStatus = Static<typeof SupervisedProcessStatus>;

/** `available` lies in the models directory and is not in ruth.yaml; `broken` cannot run, and `reason` says why. */
export const MODEL_STATES = ['starting', 'running', 'broken', 'disabled', 'available'] as const;

export const SupervisedModel = Type.Object({
  model_id: Type.String(), state: Type.Enum([...MODEL_STATES]), reason: Nullable(Type.String()), folder: Type.String(),
  /** Null where the manifest cannot be read. */
  model_name: Nullable(Type.String()), model_version: Nullable(Type.String()), license: Nullable(Type.String()),
  pid: Nullable(Count),
});
export type SupervisedModel = Static<typeof SupervisedModel>;

/** POST /v1/models: takes a model of the models directory, or of another folder, into the node. */
export const AddModelRequest = Type.Object({ model_id: Type.String({ pattern: ID_PATTERN }), folder: Type.Optional(Type.String({ pattern: '^/', maxLength: 4096 })) }, strict);
export type AddModelRequest = Static<typeof AddModelRequest>;

/** POST /v1/models/:id/replace: another folder of the same model. Answers when the new one serves; where it cannot, the old one goes on. */
export const ReplaceModelRequest = Type.Object({ folder: Type.String({ pattern: '^/', maxLength: 4096 }) }, strict);
export type ReplaceModelRequest = Static<typeof ReplaceModelRequest>;
