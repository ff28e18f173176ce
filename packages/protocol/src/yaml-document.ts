// Reads a YAML text against a schema. An error names file, line, key, and what would be right. No I/O.
import type { Static, TSchema } from 'typebox';
import { LineCounter, isMap, isScalar, type Document } from 'yaml';
import { redactUrls } from './camera-url.ts';
import { RuthError, type ErrorCode } from './errors.ts';
import { pointerPath, validator, type Validator, type Violation } from './validation.ts';
import { yamlDocument, yamlValue } from './yaml-text.ts';

export interface YamlDocument<T> {
  readonly value: T;
  /** Builds an error that points at a key, for rules a schema cannot say. */
  errorAt(path: readonly (string | number)[], message: string): RuthError;
}

const validators = new WeakMap<TSchema, Validator<unknown>>();

/** Parses and checks `text`; `file` is only named in errors. Throws `code` with every problem, one a line. */
export function parseYaml<S extends TSchema>(schema: S, text: string, file: string, code: ErrorCode): YamlDocument<Static<S>> {
  const lines = new LineCounter();
  const document = yamlDocument(text, lines);
  const problem = document.errors[0];
  if (problem) {
    const [offset] = problem.pos;
    const { line, col } = lines.linePos(offset);
    throw new RuthError(code, `${file}:${line}:${col}: ${yamlSentence(problem.code, problem.message, text.slice(offset))}`);
  }
  const value = toValue(document, file, code);
  let check = validators.get(schema) as Validator<Static<S>> | undefined;
  if (!check) validators.set(schema, check = validator(schema));
  const where = (path: readonly (string | number)[]): string => {
    const offset = offsetOf(document, path);
    if (offset === null) return file;
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (!check.check(value)) {
    const text = check.violations(value).map((violation) => sentence(violation, where, schema));
    throw new RuthError(code, text.join('\n'));
  }
  return {
    value,
    errorAt: (path, message) => new RuthError(code, `${where(path)}: ${path.join('.')}: ${message}`),
  };
}

function yamlSentence(code: string, message: string, textFrom: string): string {
  const key = /^[\w.-]+/.exec(textFrom)?.[0];
  if (code === 'DUPLICATE_KEY' && key !== undefined) return `${key} stands here twice; keep one`;
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here; keep one';
  return redactUrls(message);
}

function toValue(document: Document, file: string, code: ErrorCode): unknown {
  try {
    return yamlValue(document);
  } catch (cause) {
    // an alias of nothing, or aliases that multiply
    throw new RuthError(code, `${file}: ${(cause as Error).message}`, { cause });
  }
}

function sentence(violation: Violation, where: (path: string[]) => string, schema: TSchema): string {
  const path = pointerPath(violation.pointer);
  const key = path.at(-1) ?? '';
  if (violation.message === 'is not a known key') {
    const known = keysAt(schema, path.slice(0, -1));
    const near = nearest(key, known);
    const advice = near ? `did you mean ${near}?` : `known here: ${known.join(', ')}`;
    return `${where(path)}: ${redactUrls(path.join('.'))} is not a known key; ${advice}`;
  }
  if (violation.message === 'is missing') return `${where(path.slice(0, -1))}: ${path.join('.')} is missing`;
  return `${where(path)}: ${path.join('.') || 'the document'} ${violation.message}`;
}

/** Offset of a key (or of its nearest parent that stands in the text). */
function offsetOf(document: Document, path: readonly (string | number)[]): number | null {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(path[depth - 1]));
      if (pair && isScalar(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node = document.getIn(path.slice(0, depth).map((key) => (/^\d+$/.test(String(key)) ? Number(key) : key)), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return node.range[0];
  }
  return null;
}

interface SchemaNode { properties?: Record<string, SchemaNode>; items?: SchemaNode; anyOf?: SchemaNode[] }

function keysAt(schema: TSchema, path: readonly string[]): string[] {
  let nodes: SchemaNode[] = [schema];
  for (const key of path) nodes = nodes.flatMap(branches).flatMap((node) => node.properties?.[key] ?? node.items ?? []);
  return nodes.flatMap(branches).flatMap((node) => Object.keys(node.properties ?? {}));
}

function branches(node: SchemaNode): SchemaNode[] {
  return node.anyOf?.flatMap(branches) ?? [node];
}

function nearest(key: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(key.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(key, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
