// What the client is made from and what is made of it, as text: openapi.json and generated/schema.ts.
import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript';
import { openApiDocument } from '@ruth/server/parts';

const HEAD = '// Made from openapi.json by: npm run -s client. Changes are made in packages/server/src/openapi and packages/protocol/src.\n';

export async function clientFiles(): Promise<Readonly<Record<'openapi.json' | 'generated/schema.ts', string>>> {
  const document = openApiDocument();
  const types = astToString(await openapiTS(structuredClone(document) as unknown as OpenAPI3, { immutable: false, alphabetize: false }));
  return { 'openapi.json': `${JSON.stringify(document, null, 1)}\n`, 'generated/schema.ts': HEAD + types };
}
