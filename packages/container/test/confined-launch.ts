// Puts hostile-model.ts into the confinement of the model folder that standard input names.
import { readFileSync } from 'node:fs';
import { startConfined } from '@ruth/transport';
import { confinementOf } from '../src/service/confinement.ts';

const text = readFileSync(0, 'utf8');
const { folder, socketDirectory, ringDirectory } = JSON.parse(text) as Record<'folder' | 'socketDirectory' | 'ringDirectory', string>;
startConfined(new URL('hostile-model.ts', import.meta.url).pathname, [], {
  stdin: text, env: process.env, confinement: confinementOf(folder, { socketDirectory, ringDirectory }), tell: (unconfined) => process.stderr.write(`unconfined: ${unconfined.join('; ')}\n`),
});
