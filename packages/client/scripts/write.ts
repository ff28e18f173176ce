// npm run -s client: writes openapi.json and generated/schema.ts anew.
import { writeFileSync } from 'node:fs';
import { clientFiles } from './description.ts';

for (const [file, text] of Object.entries(await clientFiles())) writeFileSync(new URL(`../${file}`, import.meta.url), text);
