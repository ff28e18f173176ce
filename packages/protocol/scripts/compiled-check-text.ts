// The text of src/compiled/*.ts: what TypeBox makes of a schema when it compiles it, as a module that needs next to nothing of TypeBox.
import type { TSchema } from 'typebox';
import { Code } from 'typebox/compile';
import { InferRequest } from '../src/inference.ts';
import { Manifest } from '../src/manifest.ts';

/** File name -> schema, and the type and module that it is of. */
export const COMPILED_CHECKS: Readonly<Record<string, { readonly schema: TSchema; readonly type: string; readonly from: string }>> = {
  'infer-request': { schema: InferRequest, type: 'InferRequest', from: '../inference.ts' },
  manifest: { schema: Manifest, type: 'Manifest', from: '../manifest.ts' },
};

export function compiledCheckText(name: string): string {
  const { schema, type, from } = COMPILED_CHECKS[name]!;
  const { Code: code, External: { variables } } = Code(schema);
  const body = [...code.matchAll(/^const check_.*$/gm)].map(([line]) => line);
  if (/Hashing\.|CheckContext/.test(code) || !variables.every((variable) => variable instanceof RegExp)) throw new Error(`${name} uses of TypeBox more than a compiled check can have`);
  return [
    `// Made by "npm run schemas" out of ${type} in ${from}: edit that.`,
    '// @ts-nocheck', `import type { ${type} } from '${from}';`, "import { Guard } from 'typebox/guard';", '',
    `const External = [\n${variables.map((variable) => `  ${String(variable)},`).join('\n')}\n];`, ...body, '',
    `export function check(value: unknown): value is ${type} {`, '  return check_0(value);', '}', '',
  ].join('\n');
}
