// Scenes and rules out of `ruth.yaml`: what their schemas cannot say is checked here, with the place in the file.
import type { CameraEntry, RuthConfig } from './config.ts';
import type { CameraIntent } from './intent.ts';
import { isTimeZone, missingInScene, ownRuleProblems, resolveRule, ruleProblems, timeZoneProblem } from './rule-problems.ts';
import type { CameraRule, RuleConfig } from './rules.ts';
import { SCENE_KEYS, type SceneConfig } from './scene.ts';
import { type SceneProblem, sceneProblems } from './scene-problems.ts';
import type { YamlDocument } from './yaml-document.ts';

/** By camera id; cameras without a scene are not in it. */
export function scenesOf(document: YamlDocument<RuthConfig>): Record<string, SceneConfig> {
  const scenes: Record<string, SceneConfig> = {};
  for (const [index, camera] of (document.value.cameras ?? []).entries()) {
    const scene = sceneOf(camera);
    const [problem] = sceneProblems(scene);
    if (problem) throw document.errorAt(['cameras', index, ...problem.path], problem.message);
    if (Object.keys(scene).length > 0) scenes[camera.id] = scene;
  }
  return scenes;
}

/** The part of a camera's entry that is its scene. */
export function sceneOf(camera: CameraEntry): SceneConfig {
  return Object.fromEntries(SCENE_KEYS.filter((key) => camera[key] !== undefined).map((key) => [key, camera[key]]));
}

/** The first thing that is wrong with scene and rules of an intent; null where they can run. The path begins at the camera. */
export const meaningProblem = (intent: Pick<CameraIntent, 'scene' | 'rules'>): SceneProblem | null => meaningProblems(intent)[0] ?? null;

/** All that is wrong with them, as far as one thing does not hide another. */
export function meaningProblems({ scene = {}, rules = [] }: Pick<CameraIntent, 'scene' | 'rules'>): SceneProblem[] {
  const ofRule = (rule: CameraRule, index: number): SceneProblem[] => {
    if (rules.findIndex(({ id }) => id === rule.id) !== index) return [{ path: ['id'], message: `${rule.id} is taken by a rule above; choose another id` }];
    return ruleProblems({ ...rule, camera: '*' }, scene);
  };
  return [
    ...sceneProblems(scene).map((problem) => ({ ...problem, path: ['scene', ...problem.path] })),
    ...rules.flatMap((rule, index) => ofRule(rule, index).map((problem) => ({ ...problem, path: ['rules', index, ...problem.path] }))),
  ];
}

/** Null: that of the machine. */
export function timeZoneOf(document: YamlDocument<RuthConfig>): string | null {
  const zone = document.value.time_zone ?? null;
  if (zone !== null && !isTimeZone(zone)) throw document.errorAt(['time_zone'], timeZoneProblem(zone));
  return zone;
}

/** One per rule and camera: `*` stands for each camera that has what the rule names. */
export function rulesOf(document: YamlDocument<RuthConfig>): RuleConfig[] {
  const { rules = [], cameras = [], models, time_zone: timeZone } = document.value;
  return rules.flatMap((rule, index) => {
    if (rules.some((other, before) => before < index && other.id === rule.id && (other.camera === rule.camera || other.camera === '*' || rule.camera === '*'))) {
      throw document.errorAt(['rules', index, 'id'], `${rule.id} is taken by a rule above for the same camera; choose another id`);
    }
    if (rule.model !== undefined && models && !models.some(({ id }) => id === rule.model)) {
      throw document.errorAt(['rules', index, 'model'], `${rule.model} is no model of this file; known: ${models.map(({ id }) => id).join(', ') || 'none'}`);
    }
    const zoned = rule.time_zone === undefined && timeZone !== undefined ? { ...rule, time_zone: timeZone } : rule;
    return camerasOf(document, rule, index, cameras).map((camera) => {
      const [problem] = ruleProblems(rule, sceneOf(camera));
      if (problem) throw document.errorAt(['rules', index, ...problem.path], problem.message);
      return { ...zoned, camera: camera.id };
    });
  });
}

function camerasOf(document: YamlDocument<RuthConfig>, rule: RuleConfig, index: number, cameras: readonly CameraEntry[]): readonly CameraEntry[] {
  if (rule.camera !== '*') {
    const named = cameras.filter(({ id }) => id === rule.camera);
    if (named.length === 0) throw document.errorAt(['rules', index, 'camera'], `${rule.camera} is no camera of this file; known: ${cameras.map(({ id }) => id).join(', ') || 'none'}`);
    return named;
  }
  const [problem] = ownRuleProblems(rule);
  if (problem) throw document.errorAt(['rules', index, ...problem.path], problem.message);
  const able = cameras.filter((camera) => missingInScene(resolveRule(rule), sceneOf(camera)).length === 0);
  if (able.length === 0 && cameras.length > 0) {
    throw document.errorAt(['rules', index, 'camera'], `no camera of this file has ${missingInScene(resolveRule(rule), {}).join(' and ')}`);
  }
  return able;
}
