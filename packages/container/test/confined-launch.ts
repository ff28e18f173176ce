// Puts hostile-model.ts into the confinement of the model folder that standard input names.
import { readFileSync } from 'node:fs';
import { startConfined } from '@ruth/transport';
import { confinementOf, manifestOf } from '../src/service/confinement.ts';

const targets = JSON.parse(readFileSync(0, 'utf8')) as Record<'folder' | 'socketDirectory' | 'ringDirectory', string>;
startConfined(new URL('hostile-model.ts', import.meta.url).pathname, [], {
  stdin: (unconfined) => JSON.stringify({ ...targets, unconfined }), env: process.env,
  confinement: confinementOf(targets.folder, await manifestOf(targets.folder), targets),
});
