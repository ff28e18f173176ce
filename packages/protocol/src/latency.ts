// Contract 4, where the time of looks goes: histograms by model and stage since core started (GET /v1/latencies of core, GET /api/v1/latencies).
// Two answers subtracted tell of the time between them.
import Type, { type Static } from 'typebox';
import { LOOK_STAGES } from './control.ts';

const Count = Type.Integer({ minimum: 0 });

export const LookLatencies = Type.Object({
  since: Type.Number({ description: 'UTC, seconds: when core started; another one means that all counts began anew' }),
  bounds_ms: Type.Array(Type.Number(), { description: 'Upper bounds of the buckets, ascending' }),
  models: Type.Array(Type.Object({
    model_id: Type.String(),
    stages: Type.Array(Type.Object({
      stage: Type.Enum([...LOOK_STAGES]),
      looks: Type.Array(Count, { description: 'Looks in each bucket alone; one more than bounds_ms: the last is of those above all bounds' }),
      sum_ms: Type.Number({ minimum: 0 }),
    }), { description: 'In the order of a look; they add up to the whole of it' }),
  })),
});
export type LookLatencies = Static<typeof LookLatencies>;
