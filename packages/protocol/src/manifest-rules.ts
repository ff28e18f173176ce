// What must hold in `model.yaml` beyond its schema.
import type { RuthError } from './errors.ts';
import type { Manifest } from './manifest.ts';

/** Throws what `errorAt` makes of the key that is wrong and of what would be right. */
export function assertManifestRules(manifest: Manifest, errorAt: (path: readonly (string | number)[], message: string) => RuthError): void {
  for (const [path, value] of [[['model_weights'], manifest.model_weights], [['output_schema', 'class_names_file'], manifest.output_schema.class_names_file], [['remote', 'fallback'], manifest.remote?.fallback]] as const) {
    if (value === undefined) continue;
    if (value.startsWith('/') || value.split('/').includes('..')) throw errorAt(path, `${JSON.stringify(value)} leaves the model folder; give a path inside it`);
  }
  if (manifest.model_type !== 'remote' && manifest.model_weights === undefined) throw errorAt(['model_type'], `${manifest.model_type} needs model_weights, a file in the folder`);
  if (manifest.model_type === 'remote' && manifest.remote === undefined) throw errorAt(['model_type'], 'remote needs remote.url, e.g. remote: { url: grpc://host:8001 }');
  for (const key of manifest.model_type === 'remote' ? ['model_weights', 'source', 'sha256'] as const : ['remote'] as const) {
    if (manifest[key] !== undefined) throw errorAt([key], `does not go with model_type ${manifest.model_type}`);
  }
  if (manifest.model_type === 'custom') {
    if (!/\.(ts|mts|js|mjs)$/.test(manifest.model_weights!)) throw errorAt(['model_weights'], `${JSON.stringify(manifest.model_weights)} is no module; a custom model names one, e.g. model.ts`);
    if (manifest.output_schema.format !== 'custom') throw errorAt(['output_schema', 'format'], 'must be custom where model_type is: its module reads what comes out');
  }
  if (manifest.source && !manifest.sha256) throw errorAt(['source'], 'needs sha256 of the weights beside it');
  if (manifest.output_schema.classes && manifest.output_schema.class_names_file) {
    throw errorAt(['output_schema', 'class_names_file'], 'stands beside classes; give one of the two');
  }
  const names = manifest.output_schema.keypoint_names ?? [];
  for (const [index, pair] of (manifest.output_schema.skeleton ?? []).entries()) {
    const unknown = pair.find((name) => !names.includes(name));
    if (unknown !== undefined) throw errorAt(['output_schema', 'skeleton', index], `${JSON.stringify(unknown)} is no keypoint name; known: ${names.join(', ')}`);
  }
}
