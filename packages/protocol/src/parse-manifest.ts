// From the text of a `model.yaml` to what it says, or to what is wrong with it.
import { assertManifestRules } from './manifest-rules.ts';
import { Manifest } from './manifest.ts';
import { parseYaml } from './yaml-document.ts';

/** Parses `model.yaml`. Throws `invalid_manifest` naming file, line, key and what would be right. */
export function parseManifest(text: string, file: string): Manifest {
  const document = parseYaml(Manifest, text, file, 'invalid_manifest');
  const manifest = document.value;
  assertManifestRules(manifest, (path, message) => document.errorAt(path, message));
  return manifest;
}
