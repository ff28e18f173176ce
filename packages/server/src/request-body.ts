// Bodies of requests are checked by the protocol's own validator: nothing in them is turned into another type, and what is wrong is
// told with each place.
import { RuthError, validator, type RequestProblem, type Validator } from '@ruth/protocol';
import type { FastifySchemaCompiler } from 'fastify';
import type Type from 'typebox';

const compile: FastifySchemaCompiler<Type.TSchema> = ({ schema }) => {
  const body = validator(schema);
  return (value: unknown) => (body.check(value) ? { value } : { error: bodyError(body, value) });
};

/** Of a route that has a body and no query: `app.post(path, checksBody(Schema), ...)`. `schema`: what else the route says of itself. */
export const checksBody = <S extends Type.TSchema>(body: S, schema: object = {}) => ({ schema: { body, ...schema }, validatorCompiler: compile });

function bodyError(body: Validator<unknown>, value: unknown): RuthError {
  const problems = body.violations(value);
  return problemsError(problems) ?? new RuthError('bad_request', 'the body does not fit its schema');
}

/** Null where there is none. */
export function problemsError(problems: readonly RequestProblem[]): RuthError | null {
  const text = problems.slice(0, 5).map(({ pointer, message }) => `${pointer.slice(1).replaceAll('/', '.') || 'the body'} ${message}`).join('; ');
  return problems.length === 0 ? null : new RuthError('bad_request', text, { problems });
}
