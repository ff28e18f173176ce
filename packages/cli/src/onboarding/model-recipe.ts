// Recipes: models that are one command away, each a file that says where the weights come from, under which licence, and what is to
// be expected of them. What a recipe does not know, a trial finds out.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModelRecipe, parseYaml, RuthError } from '@ruth/protocol';

export const RECIPES_DIRECTORY = fileURLToPath(new URL('../../../../recipes', import.meta.url));

export function recipeNames(directory = RECIPES_DIRECTORY): string[] {
  try {
    return readdirSync(directory).filter((file) => file.endsWith('.yaml')).map((file) => basename(file, '.yaml')).sort();
  } catch {
    return [];
  }
}

/** Null where there is none of that name. Throws `invalid_manifest` for one that is wrong. */
export function readRecipe(name: string, directory = RECIPES_DIRECTORY): ModelRecipe | null {
  if (!recipeNames(directory).includes(name)) return null;
  const file = join(directory, `${name}.yaml`);
  const document = parseYaml(ModelRecipe, readFileSync(file, 'utf8'), file, 'invalid_manifest');
  if ('url' in document.value.source && document.value.sha256 === undefined && document.value.license_note === undefined) throw document.errorAt(['source'], 'needs sha256, or a license_note that says why there is none');
  return document.value;
}

/** Throws `bad_request` with the names there are. */
export function noSuchSource(given: string): RuthError {
  return new RuthError('bad_request', `${given} is no file, no folder, no https:// address, no npm:package and no recipe; recipes: ${recipeNames().join(', ')}`);
}
