// Who may do what: people, their roles and sessions, API tokens, and what is noted of what they did.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';

const Time = Type.Number({ description: 'UTC, seconds' });
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const strict = { additionalProperties: false };

/** `view`: see cameras, recordings, events. `operate`: keep, export, turn cameras. `administer`: people, tokens, what was done. `metrics`: GET /metrics. */
export const PERMISSIONS = ['view', 'operate', 'administer', 'metrics'] as const;
export type Permission = (typeof PERMISSIONS)[number];

export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];
export const ROLE_PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = { viewer: ['view'], operator: ['view', 'operate', 'metrics'], admin: PERMISSIONS };

const UserName = Type.String({ pattern: ID_PATTERN, description: '1 to 63 letters, digits, dot, underscore or dash' });
const Password = Type.String({ minLength: 10, maxLength: 256, description: 'At least 10 characters' });
const Cameras = Nullable(Type.Array(Type.String({ pattern: ID_PATTERN }), { maxItems: 1024, description: 'Ids of the cameras that may be seen; null for all' }));

/** POST /api/v1/session: a name and a password, or the code of a link that works once. */
export const SignInRequest = Type.Union([
  Type.Object({ name: Type.String({ minLength: 1, maxLength: 63 }), password: Type.String({ minLength: 1, maxLength: 256 }) }, strict),
  Type.Object({ link: Type.String({ minLength: 1, maxLength: 128 }) }, strict),
]);
export type SignInRequest = Static<typeof SignInRequest>;

/** GET /api/v1/session/ways: how people can sign in. */
export const SignInWays = Type.Object({ password: Type.Boolean(), oidc: Nullable(Type.Object({ title: Type.String(), url: Type.String() })) });
export type SignInWays = Static<typeof SignInWays>;

/** GET /api/v1/session: who asks. */
export const SessionInfo = Type.Object({
  name: Type.String(), kind: Type.Enum(['person', 'token']), permissions: Type.Array(Type.Enum([...PERMISSIONS])), cameras: Nullable(Type.Array(Type.String())),
  must_change_password: Type.Boolean({ description: 'Nothing else may be done before' }),
  one_time_password: Type.Optional(Type.Boolean({ description: 'True while none was chosen in the place of the one that works once' })),
});
export type SessionInfo = Static<typeof SessionInfo>;

/** PUT /api/v1/session/password. `current` is not asked for where the password was for one time, or a link brought the session. */
export const PasswordChange = Type.Object({ current: Type.Optional(Type.String({ maxLength: 256 })), next: Password }, strict);
export type PasswordChange = Static<typeof PasswordChange>;

export const UserInfo = Type.Object({ name: Type.String(), role: Type.Enum([...ROLES]), cameras: Nullable(Type.Array(Type.String())), active: Type.Boolean(), created_at: Time });
export type UserInfo = Static<typeof UserInfo>;
/** POST /api/v1/users. The password is for one time: whoever signs in with it must choose another. */
export const NewUser = Type.Object({ name: UserName, role: Type.Enum([...ROLES]), cameras: Type.Optional(Cameras), password: Password }, strict);
export type NewUser = Static<typeof NewUser>;
/** PATCH /api/v1/users/:name. A password that is set here is for one time. */
export const UserChange = Type.Object({ role: Type.Optional(Type.Enum([...ROLES])), cameras: Type.Optional(Cameras), active: Type.Optional(Type.Boolean()), password: Type.Optional(Password) }, strict);
export type UserChange = Static<typeof UserChange>;

export const TokenInfo = Type.Object({
  token_id: Type.Integer(), name: Type.String(), owner: Type.String(), scopes: Type.Array(Type.Enum([...PERMISSIONS])), cameras: Nullable(Type.Array(Type.String())),
  created_at: Time, expires_at: Nullable(Time), last_used_at: Nullable(Time),
});
export type TokenInfo = Static<typeof TokenInfo>;
/** POST /api/v1/tokens. A token can never do more than its owner. */
export const NewToken = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 64 }), scopes: Type.Array(Type.Enum([...PERMISSIONS]), { minItems: 1, maxItems: PERMISSIONS.length, uniqueItems: true }),
  cameras: Type.Optional(Cameras), expires_in_days: Type.Optional(Nullable(Type.Number({ exclusiveMinimum: 0, maximum: 3650, description: '90 unless told; null: never' }))),
}, strict);
export type NewToken = Static<typeof NewToken>;
/** The answer to it: the token itself is shown this once. */
export const CreatedToken = Type.Object({ ...TokenInfo.properties, token: Type.String() });
export type CreatedToken = Static<typeof CreatedToken>;

/** GET /api/v1/audit, newest first. */
export const AuditQuery = Type.Object({
  actor: Type.Optional(Type.String({ maxLength: 128 })), action: Type.Optional(Type.String({ maxLength: 64 })), camera: Type.Optional(Type.String({ pattern: ID_PATTERN })),
  before: Type.Optional(Type.Integer({ minimum: 1, description: 'entry_id of the last of the page before' })), limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
}, strict);
export type AuditQuery = Static<typeof AuditQuery>;
export const AuditEntry = Type.Object({
  entry_id: Type.Integer(), at: Time, actor: Type.String({ description: 'Name of a person, or "token <name>"' }), action: Type.String(), camera_id: Nullable(Type.String()), detail: Type.String(), address: Type.String(),
});
export type AuditEntry = Static<typeof AuditEntry>;
