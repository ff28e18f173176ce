// Who may do what: one table of routes, one guard, people and tokens.
export { Access } from './access.ts';
export { Audit } from './audit.ts';
export { assertMaySee, maySee, type Identity } from './identity.ts';
export { OpenConnections, type OpenConnection } from './open-connections.ts';
export { addPeople } from './people-routes.ts';
export { guardRoutes, identityOf, keepAllowed, type Identify } from './route-guard.ts';
export { ROUTE_TABLE, ruleOf, type RouteRule } from './route-table.ts';
export { addSessions } from './session-routes.ts';
