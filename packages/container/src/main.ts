// Entry of a model container: `node main.ts [-c ruth.yaml] [--take-over] models/<id>`. It gives up what a container does not need, then starts
// anew in its own place as container-main.ts, which knows of the settings only what it needs. It loads little, so that this costs little.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DEFAULT_SOCKET_DIRECTORY, modelSocketPath, RuthError } from '@ruth/protocol/base';
import { startConfined } from '@ruth/transport/confine';
import { claimSocketPath } from '@ruth/transport/ipc';
import { compileAhead } from './service/compile-ahead.ts';
import { confinementOf, manifestOf } from './service/confinement.ts';
import { handedSettings, type ContainerSettings } from './service/container-settings.ts';

if (import.meta.main) {
  const cause = await start().catch((thrown: unknown) => RuthError.from(thrown));
  // It says what is wrong, and ends.
  const { runProcess } = await import('@ruth/transport/process');
  await runProcess('container', () => Promise.reject(cause), () => ({ logLevel: 'info' as const, socketDirectory: DEFAULT_SOCKET_DIRECTORY }));
}

async function start(): Promise<never> {
  // How the one before it ended, which every supervised process is told, is of no use to a container.
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { config: { type: 'string', short: 'c' }, 'ended-before': { type: 'string' }, 'take-over': { type: 'boolean', default: false } } });
  const settings = await settingsOf(values.config);
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) throw new RuthError('invalid_config', 'name one model folder, e.g. models/centernet-coco');
  const model = await manifestOf(folder);
  // Who owns a socket can be told from out here alone.
  if (model !== null && !values['take-over']) await claimSocketPath(modelSocketPath(model.model_id, settings.socketDirectory));
  const compiled = process.env.NODE_COMPILE_CACHE;
  if (compiled !== undefined) compileAhead(compiled);
  return startConfined(new URL('container-main.ts', import.meta.url).pathname, ['-c', '-', ...(values['take-over'] ? ['--take-over'] : []), folder], {
    stdin: (unconfined) => JSON.stringify({ ...settings, unconfined }), confinement: confinementOf(folder, model, settings, compiled), env: environmentOf(process.env),
  });
}

/** A supervisor hands over settings that it has checked; a file is checked here. */
async function settingsOf(file: string | undefined): Promise<ContainerSettings> {
  const text = file === '-' ? readFileSync(0, 'utf8') : null;
  const handed = text === null ? null : handedSettings(text);
  if (handed) return handed;
  const { socketDirectory, ringDirectory, logLevel } = text === null ? (await import('@ruth/transport')).loadSettings(file) : (await import('@ruth/protocol')).parseSettings(text, '(standard input)');
  return { socketDirectory, ringDirectory, logLevel };
}

/** Without what the server alone may know. ONNX Runtime would keep an id for telemetry. */
function environmentOf({ RUTH_ADMIN_TOKEN: _adminToken, DATABASE_URL: _databaseUrl, ...environment }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...environment, ORT_DISABLE_TELEMETRY: '1' };
}
