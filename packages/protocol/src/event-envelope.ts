// What every event of every stream has.
import Type from 'typebox';

export const EVENT_VERSION = 1;

export const eventEnvelope = { id: Type.Integer({ minimum: 0 }), version: Type.Literal(EVENT_VERSION), at: Type.Number({ description: 'UTC, seconds, when it was emitted' }) };
