// Entry of a model container: `node main.ts [-c ruth.yaml] [--take-over] models/<id>`. It gives up what a container does not need, then starts
// anew in its own place as container-main.ts, which knows of the settings only what it needs.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { modelSocketPath, RuthError } from '@ruth/protocol';
import { claimSocketPath, createLogger, loadSettings, replaceStandardInput, runProcess, startConfined } from '@ruth/transport';
import { confinementOf, manifestOf, settingsForContainer } from './service/confinement.ts';

const entry = new URL('container-main.ts', import.meta.url).pathname;
const { values, positionals } = parseArgs({ strict: false, allowPositionals: true, options: { config: { type: 'string', short: 'c' }, 'take-over': { type: 'boolean' } } });
const given = values.config === '-' ? readFileSync(0, 'utf8') : null;
if (given !== null) replaceStandardInput(given);
const settings = settingsOf(values.config);
const [folder] = positionals;
if (settings === null || folder === undefined) {
  // It says what is wrong, and ends.
  if (given !== null) replaceStandardInput(given);
  await import('./container-main.ts');
} else {
  // Who owns a socket can be told from out here alone.
  const model = manifestOf(folder);
  const taken = model === null || values['take-over'] === true ? null : await claimSocketPath(modelSocketPath(model.model_id, settings.socketDirectory)).then(() => null, (cause: unknown) => RuthError.from(cause));
  if (taken) {
    if (given !== null) replaceStandardInput(given);
    await runProcess('container', () => Promise.reject(taken));
  }
  startConfined(entry, ['-c', '-', ...(values['take-over'] === true ? ['--take-over'] : []), ...positionals], {
    stdin: settingsForContainer(settings), confinement: confinementOf(folder, settings),
    env: environmentOf(process.env),
    tell: (unconfined) => createLogger('container', settings.logLevel).warn({ unconfined }, 'this machine cannot take all from the container that it does not need'),
  });
}

function settingsOf(file: string | boolean | undefined): ReturnType<typeof loadSettings> | null {
  try {
    return loadSettings(typeof file === 'string' ? file : undefined);
  } catch {
    return null;
  }
}

/** Without what the server alone may know. ONNX Runtime would keep an id for telemetry. */
function environmentOf({ RUTH_ADMIN_TOKEN: _adminToken, DATABASE_URL: _databaseUrl, ...environment }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...environment, ORT_DISABLE_TELEMETRY: '1' };
}
