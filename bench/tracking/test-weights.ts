// Models whose weights lie with the shared test data, beside the project.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const WEIGHTS = join(ROOT, '../shared/data/models');
export const REIDENTIFICATION = 'osnet_x0_25_msmt17';

export const hasWeights = (id: string): boolean => existsSync(join(WEIGHTS, `${id}.onnx`));

/** Its folder, made in `work`; of a model that has none there, the one that comes with Ruth. */
export function modelFolder(id: string, work: string): string {
  if (!hasWeights(id)) return join(ROOT, 'models', id);
  const folder = join(work, id);
  mkdirSync(folder);
  copyFileSync(join(ROOT, 'bench/models', id, 'model.yaml'), join(folder, 'model.yaml'));
  copyFileSync(join(WEIGHTS, `${id}.onnx`), join(folder, `${id}.onnx`));
  return folder;
}
