// Which model `--model` means: a folder with model.yaml, or weights that a recipe in bench/models says how to feed.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { loadModel, type LoadedModel } from '@ruth/container';

const RECIPES = join(import.meta.dirname, '..', 'models');

export function recipeNames(): string[] {
  return readdirSync(RECIPES);
}

/** `path`: a model folder, an .onnx file, or the name of a recipe; `weights` replaces the weights. */
export async function chooseModel(path: string, weights?: string): Promise<LoadedModel> {
  const isFile = existsSync(path) && statSync(path).isFile();
  const folder = isFile ? dirname(path) : path;
  if (existsSync(join(folder, 'model.yaml'))) {
    const replaced = weights ?? (isFile ? path : undefined);
    return loadModel(folder, replaced === undefined ? {} : { weightsPath: replaced });
  }
  const name = basename(path).replace(/\.onnx$/, '');
  // Longest first; "yolov8n-int8" is fed like "yolov8n".
  const recipe = recipeNames().sort((a, b) => b.length - a.length).find((known) => name === known || name.startsWith(`${known}-`));
  if (recipe === undefined) throw new Error(`${path} has no model.yaml, and no recipe is named like it; recipes: ${recipeNames().join(', ')}`);
  const found = weights ?? (isFile ? path : weightsIn(path, recipe));
  if (found === undefined) throw new Error(`no weights for ${recipe}: name them with --weights`);
  return loadModel(join(RECIPES, recipe), { weightsPath: found });
}

function weightsIn(folder: string, recipe: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder).filter((file) => file.endsWith('.onnx'));
  const file = files.find((name) => name === `${recipe}.onnx`) ?? (files.length === 1 ? files[0] : undefined);
  return file === undefined ? undefined : join(folder, file);
}
