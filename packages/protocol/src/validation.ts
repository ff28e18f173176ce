// One way to check a value against a schema: it is of the type, or the error says where and what would be right.
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Settings } from 'typebox/system';
import { redactUrls } from './camera-url.ts';
import type { ErrorCode } from './errors.ts';
import { RuthError } from './errors.ts';
import { ID_PATTERN } from './ids.ts';
import { TIME_OF_DAY_PATTERN } from './rules.ts';

/** TypeBox stops looking after 8 errors, several of which may be about one key; a bound against floods is kept. */
Settings.Set({ maxErrors: 128 });

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

interface SchemaError { keyword: string; schemaPath: string; instancePath: string; message: string; params: Record<string, unknown> }

/** Checks against a schema, which is compiled when it is first needed: a process knows more of them than it uses. Keys that the schema does not name are refused only where it says `additionalProperties: false`. */
// NoInfer: else the compiler seeks S in what the result is used for, and holds schemas against each other: half of all instantiations, three seconds.
export function validator<S extends TSchema>(schema: S): Validator<NoInfer<Static<S>>> {
  let compiled: ReturnType<typeof Compile<S>> | null = null;
  const compile = (): ReturnType<typeof Compile<S>> => compiled ??= Compile(schema);
  const violations = (value: unknown): Violation[] => {
    if (compile().Check(value)) return [];
    const cut: string[] = [];
    const looked = firstItems(value, '', cut);
    const errors = compile().Errors(looked);
    if (errors.length > 0) return describe(errors, looked, schema);
    return cut.map((pointer) => ({ pointer, message: `has too many items, or a wrong one after its first ${EXPLAINED_ITEMS}` }));
  };
  return {
    check: (value): value is Static<S> => compile().Check(value),
    violations,
    parse(value, code = 'bad_request') {
      if (compile().Check(value)) return value;
      const text = violations(value).slice(0, 5).map((v) => `${pointerPath(v.pointer).join('.') || 'message'} ${v.message}`);
      throw new RuthError(code, text.join('; '));
    },
  };
}

/** A wrong message may be 10 MiB long. What is wrong with it is looked for in the first items of its lists only, or its sender could keep us busy for seconds. */
const EXPLAINED_ITEMS = 1000;
/** Deeper than any schema of ours; it could be so deep that looking into it overflows the stack. */
const EXPLAINED_DEPTH = 32;

/** The value with long lists and maps cut, and what lies too deep left out; `cut` gets the pointers of those. */
function firstItems(value: unknown, pointer: string, cut: string[], depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === EXPLAINED_DEPTH) {
    cut.push(pointer);
    return null;
  }
  if (Array.isArray(value)) {
    if (value.length > EXPLAINED_ITEMS) cut.push(pointer);
    return value.slice(0, EXPLAINED_ITEMS).map((item, index) => firstItems(item, `${pointer}/${index}`, cut, depth + 1));
  }
  const entries = Object.entries(value);
  if (entries.length > EXPLAINED_ITEMS) cut.push(pointer);
  return Object.fromEntries(entries.slice(0, EXPLAINED_ITEMS).map(([key, item]) => [key, firstItems(item, `${pointer}/${pointerKey(key)}`, cut, depth + 1)]));
}

function describe(errors: SchemaError[], root: unknown, schema: TSchema): Violation[] {
  const found: Violation[] = [];
  const seen = new Set<string>();
  const add = (pointer: string, message: string): void => {
    if (seen.has(pointer)) return;
    seen.add(pointer);
    found.push({ pointer, message });
  };
  const relevant = withinBestBranches(errors);
  for (const error of relevant) {
    if (error.keyword === 'boolean' || error.keyword === 'anyOf') continue;
    if (error.keyword === 'additionalProperties') {
      for (const key of error.params.additionalProperties as string[]) add(pointerTo(error, key), 'is not a known key');
    } else if (error.keyword === 'required') {
      for (const key of error.params.requiredProperties as string[]) add(pointerTo(error, key), 'is missing');
    } else {
      add(error.instancePath, demand(error, at(root, error.instancePath), schema));
    }
  }
  for (const error of relevant) {
    if (error.keyword === 'anyOf' && !found.some((violation) => lies(violation.pointer, error.instancePath))) add(error.instancePath, error.message);
  }
  if (found.length === 0) add('', 'does not fit its schema');
  return found;
}

/** Of each union's branches only the errors of the one that fits best: the others say what nobody meant. */
function withinBestBranches(errors: SchemaError[]): SchemaError[] {
  let relevant = errors;
  const unions = errors.filter((error) => error.keyword === 'anyOf').sort((a, b) => b.schemaPath.length - a.schemaPath.length);
  for (const union of unions) {
    const prefix = `${union.schemaPath}/anyOf/`;
    const branchOf = (error: SchemaError): string | null =>
      error.schemaPath.startsWith(prefix) && lies(error.instancePath, union.instancePath) ? error.schemaPath.slice(prefix.length).split('/')[0]! : null;
    const weights = new Map<string, number>();
    for (const error of relevant) {
      const branch = branchOf(error);
      if (branch === null) continue;
      const isOfOtherKind = (error.keyword === 'type' && error.instancePath === union.instancePath) || error.instancePath === `${union.instancePath}/type`;
      weights.set(branch, (weights.get(branch) ?? 0) + (isOfOtherKind ? OTHER_KIND : weight(error)));
    }
    const best = [...weights].sort(([, a], [, b]) => a - b)[0]?.[0];
    relevant = relevant.filter((error) => { const branch = branchOf(error); return branch === null || branch === best; });
  }
  return relevant;
}

/** A text is not meant where a list stands, nor an event of one type where another is named, whatever is wrong with it. */
const OTHER_KIND = 1000;

function weight(error: SchemaError): number {
  return error.keyword === 'required' ? (error.params.requiredProperties as string[]).length : 1;
}

function lies(pointer: string, under: string): boolean {
  return pointer === under || pointer.startsWith(`${under}/`);
}

/** What would be right, and what stands there instead. */
function demand(error: SchemaError, value: unknown, schema: TSchema): string {
  const { allowedValues, pattern, type } = error.params;
  const instead = `, not ${excerpt(value)}`;
  if (Array.isArray(allowedValues)) return `must be one of ${allowedValues.map((allowed) => JSON.stringify(allowed)).join(', ')}${instead}`;
  if (String(pattern) === TIME_OF_DAY_PATTERN) return `must be a time of day from "00:00" to "24:00"${instead}`;
  if (String(pattern).includes(ID_PATTERN)) return `must be 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit${instead}`;
  // A pattern says nothing to people, and is no text that could be shown where URLs are kept out of sight.
  const described = (path: string): string | undefined => (at(schema, path) as { readonly description?: string } | undefined)?.description;
  const path = error.schemaPath.slice(1);
  const description = pattern === undefined ? undefined : described(path) ?? described(path.replace(/\/items$/, ''));
  if (description !== undefined) return `cannot be ${excerpt(value)}: ${description}`;
  if (type === 'object' && isSecret(at(schema, path.replace(/\/anyOf\/\d+$/, '')))) return 'must be {env: NAME} or {file: path}, which say where the secret is, not the secret itself';
  const quotes = type === 'string' && (typeof value === 'number' || typeof value === 'boolean') ? '; put it in quotes' : '';
  return `${error.message}${instead}${quotes}`;
}

/** Of the two forms of `SecretConfig`. */
const isSecret = (schema: unknown): boolean => {
  const forms = (schema as { readonly anyOf?: readonly { readonly properties?: object }[] } | undefined)?.anyOf?.map(({ properties = {} }) => Object.keys(properties).join()) ?? [];
  return forms.length > 0 && forms.every((keys) => keys === 'env' || keys === 'file');
};

function pointerTo(error: SchemaError, key: string): string {
  return `${error.instancePath}/${pointerKey(key)}`;
}

function pointerKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The keys that a JSON pointer names, from the root. */
export function pointerPath(pointer: string): string[] {
  return pointer.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function at(root: unknown, pointer: string): unknown {
  let value = root;
  for (const key of pointerPath(pointer)) value = (value as Record<string, unknown> | null | undefined)?.[key];
  return value;
}

/** Safe to show: a URL in the wrong place may carry a password. */
function excerpt(value: unknown): string {
  const text = redactUrls(JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
