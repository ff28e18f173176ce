// Contract 4, what the machine carries (GET /v1/capacity of the supervisor, in GET /api/v1/system): how many more cameras like those that are
// there, by what was measured of them, and what ends first.
import Type, { type Static } from 'typebox';

const Count = Type.Integer({ minimum: 0 });
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const Measured = Nullable(Type.Number({ minimum: 0 }));

/** Of each: used, usable and per_camera are in that unit. */
export const CAPACITY_UNITS = { cpu: 'cores', memory: 'bytes', model: 'looks/s', disk_writes: 'share of time', disk_space: 'bytes/day' } as const;
export type CapacityKind = keyof typeof CAPACITY_UNITS;

export const CapacityResource = Type.Object({
  kind: Type.Enum(Object.keys(CAPACITY_UNITS) as CapacityKind[]),
  name: Type.Union([Type.String(), Type.Null()], { description: 'Which model; null for what there is one of' }),
  unit: Type.String(), used: Measured,
  usable: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], { description: 'What may be used of it, with a reserve for peaks' }),
  per_camera: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], { description: 'What a camera takes on average' }),
  more_cameras: Nullable(Count),
  message: Type.String({ description: 'In words; where something cannot be told, why' }),
});
export type CapacityResource = Static<typeof CapacityResource>;

export const Capacity = Type.Object({
  measured_at: Nullable(Type.Number({ description: 'UTC, seconds' })), over_s: Type.Number({ minimum: 0, description: 'The time that was measured' }),
  cameras: Type.Integer({ minimum: 0, description: 'That stream: those it was measured by' }),
  more_cameras: Type.Union([Count, Type.Null()], { description: 'Like those that are there; null: cannot be told (yet), message says why' }),
  limited_by: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], { description: 'Which of resources ends first, by its place in the list' }),
  message: Type.String(), resources: Type.Array(CapacityResource),
});
export type Capacity = Static<typeof Capacity>;

/** GET /api/v1/system. `capacity` is null where nobody measures it, `capacity_error` says why. */
export const SystemStatus = Type.Object({
  version: Type.String(), node_version: Type.String(), platform: Type.String(), cores: Count, memory_bytes: Count,
  capacity: Nullable(Capacity), capacity_error: Nullable(Type.String()),
});
export type SystemStatus = Static<typeof SystemStatus>;
