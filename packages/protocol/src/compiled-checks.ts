// Checks of schemas, compiled ahead into src/compiled by `npm run schemas`: a model container starts with them in a moment, where
// TypeBox needs a quarter of a second of CPU to load. What they refuse is explained by the schema itself, which is loaded then.
import { check as isManifest } from './compiled/manifest.ts';
import { check as isInferRequest } from './compiled/infer-request.ts';
import type { InferRequest } from './inference.ts';
import { assertManifestRules } from './manifest-rules.ts';
import type { Manifest } from './manifest.ts';
import { RuthError } from './errors.ts';
import { yamlDocument, yamlValue } from './yaml-text.ts';

export { isInferRequest };

/** Throws `bad_request` that says what is wrong with a message that is no `InferRequest`. */
export async function refuseInferRequest(message: unknown): Promise<InferRequest> {
  const [{ InferRequest }, { validator }] = await Promise.all([import('./inference.ts'), import('./validation.ts')]);
  return validator(InferRequest).parse(message);
}

/** As `parseManifest`. */
export async function readManifest(text: string, file: string): Promise<Manifest> {
  return soundManifest(text) ?? (await import('./parse-manifest.ts')).parseManifest(text, file);
}

/** Null where it is no YAML. */
export function plainYaml(text: string): unknown {
  try {
    const document = yamlDocument(text);
    return document.errors.length > 0 ? null : yamlValue(document);
  } catch {
    return null;
  }
}

/** Null where anything is wrong with it. */
export function soundManifest(text: string): Manifest | null {
  try {
    const value = plainYaml(text);
    if (!isManifest(value)) return null;
    assertManifestRules(value, (_path, message) => new RuthError('invalid_manifest', message));
    return value;
  } catch {
    return null;
  }
}
