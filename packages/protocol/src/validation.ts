// One way to check a value against a schema: it is of the type, or the error says where and what would be right.
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { ErrorCode } from './errors.ts';
import { RuthError } from './errors.ts';

export interface Violation {
  /** Where: `/cameras/0/url`; empty for the whole value. */
  readonly pointer: string;
  readonly message: string;
}

export interface Validator<T> {
  check(value: unknown): value is T;
  violations(value: unknown): Violation[];
  /** The value as T, or throws `code` with every violation in the message. */
  parse(value: unknown, code?: ErrorCode): T;
}

interface SchemaError { keyword: string; instancePath: string; message: string; params: Record<string, unknown> }

/** Compiles a schema. Keys that the schema does not name are refused only where it says `additionalProperties: false`. */
export function validator<S extends TSchema>(schema: S): Validator<Static<S>> {
  const compiled = Compile(schema);
  const violations = (value: unknown): Violation[] => compiled.Check(value) ? [] : describe(compiled.Errors(value), value);
  return {
    check: (value): value is Static<S> => compiled.Check(value),
    violations,
    parse(value, code = 'bad_request') {
      if (compiled.Check(value)) return value;
      const text = violations(value).slice(0, 5).map((v) => `${v.pointer === '' ? 'message' : v.pointer.slice(1).replaceAll('/', '.')} ${v.message}`);
      throw new RuthError(code, text.join('; '));
    },
  };
}

function describe(errors: SchemaError[], root: unknown): Violation[] {
  const found: Violation[] = [];
  const seen = new Set<string>();
  const add = (pointer: string, message: string): void => {
    if (seen.has(pointer)) return;
    seen.add(pointer);
    found.push({ pointer, message });
  };
  for (const error of errors) {
    if (error.keyword === 'boolean' || error.keyword === 'anyOf') continue;
    if (error.keyword === 'additionalProperties') {
      for (const key of error.params.additionalProperties as string[]) add(`${error.instancePath}/${key}`, 'is not a known key');
    } else if (error.keyword === 'required') {
      for (const key of error.params.requiredProperties as string[]) add(`${error.instancePath}/${key}`, 'is missing');
    } else {
      add(error.instancePath, `${error.message}${choices(error)}, not ${excerpt(at(root, error.instancePath))}`);
    }
  }
  for (const error of errors) if (error.keyword === 'anyOf') add(error.instancePath, error.message);
  return found;
}

function choices(error: SchemaError): string {
  const allowed = error.params.allowedValues;
  return Array.isArray(allowed) ? ` (${allowed.map((value) => JSON.stringify(value)).join(', ')})` : '';
}

function at(root: unknown, pointer: string): unknown {
  let value = root;
  for (const key of pointer.split('/').slice(1)) value = (value as Record<string, unknown> | undefined)?.[key];
  return value;
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
