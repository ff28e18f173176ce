// A rule as its author wrote it becomes one with nothing left open, or a problem that names the key and what would be right.
import Type from 'typebox';
import { parseRuleSentence, SentenceError } from './rule-sentence.ts';
import { Condition, isOfObject, minutesOfDay, type Rule, type RuleConfig } from './rules.ts';
import type { SceneConfig } from './scene.ts';
import type { SceneProblem } from './scene-problems.ts';
import { pointerPath, validator } from './validation.ts';

const conditions = validator(Type.Array(Condition, { minItems: 1, maxItems: 16 }));

/** What is wrong with a rule at a camera of this scene; none where it can run. */
export function ruleProblems(config: RuleConfig, scene: SceneConfig): SceneProblem[] {
  const problems = ownRuleProblems(config);
  return problems.length > 0 ? problems : problemsAtScene(config, resolveRule(config), scene);
}

/** What is wrong with it at any camera. */
export function ownRuleProblems(config: RuleConfig): SceneProblem[] {
  const read = readRule(config);
  return 'problems' in read ? read.problems : ownProblems(config, read.rule);
}

/** The zones and lines that the rule names and the scene lacks, each as `zone "door"`. */
export function missingInScene(rule: Rule, scene: SceneConfig): string[] {
  const has = (parts: readonly { id: string }[] | undefined, id: string): boolean => parts?.some((part) => part.id === id) ?? false;
  return rule.conditions.flatMap((condition) => {
    const zone = zoneOfCondition(condition);
    if (zone !== undefined && !has(scene.zones, zone)) return [`zone "${zone}"`];
    return 'crosses_line' in condition && !has(scene.lines, condition.crosses_line) ? [`line "${condition.crosses_line}"`] : [];
  });
}

export function zoneOfCondition(condition: Condition): string | undefined {
  if ('in_zone' in condition) return condition.in_zone;
  if ('outside_zone' in condition) return condition.outside_zone;
  if ('enters_zone' in condition) return condition.enters_zone;
  if ('leaves_zone' in condition) return condition.leaves_zone;
  return 'count' in condition ? condition.zone : undefined;
}

/** The rule with every default filled in. Throws where its sentence is none: ask `ownRuleProblems` first. */
export function resolveRule(config: RuleConfig): Rule {
  const read = readRule(config);
  if ('rule' in read) return read.rule;
  throw new SentenceError(`${read.problems[0].path.join('.')}: ${read.problems[0].message}`);
}

function readRule(config: RuleConfig): { readonly rule: Rule } | { readonly problems: [SceneProblem] } {
  const problem = (key: string, message: string) => ({ problems: [{ path: [key], message }] as [SceneProblem] });
  let said: Partial<ReturnType<typeof parseRuleSentence>> = {};
  if (typeof config.when === 'string') {
    try {
      said = parseRuleSentence(config.when);
    } catch (cause) {
      if (!(cause instanceof SentenceError)) throw cause;
      return problem('when', cause.message);
    }
    const [wrong] = conditions.violations(said.when);
    if (wrong) return problem('when', `in condition ${pointerPath(wrong.pointer).join('.')}: ${wrong.message}`);
    const twice = (['objects', 'during', 'event', 'severity'] as const).find((key) => said[key] !== undefined && config[key] !== undefined);
    if (twice) return problem(twice, 'is said by the sentence in "when" already; keep one');
  }
  const objects = config.objects ?? said.objects;
  const during = config.during ?? said.during;
  const between = during?.between?.map(minutesOfDay) as [number, number] | undefined;
  return {
    rule: {
      id: config.id, name: config.name ?? config.id, active: config.active ?? true, camera: config.camera, model: config.model ?? null,
      objects: objects === undefined ? null : typeof objects === 'string' ? [objects] : objects,
      conditions: typeof config.when === 'string' ? said.when! : config.when,
      betweenMinutes: between ?? null, days: during?.days ?? null, timeZone: config.time_zone ?? null,
      event: config.event ?? said.event ?? config.id, severity: config.severity ?? said.severity ?? 'medium', cooldownS: config.cooldown_s ?? 0,
    },
  };
}

function ownProblems(config: RuleConfig, rule: Rule): SceneProblem[] {
  const problems: SceneProblem[] = [];
  if (rule.betweenMinutes && rule.betweenMinutes[0] === rule.betweenMinutes[1]) {
    problems.push({ path: duringPath(config), message: 'begins and ends at the same time, which is no time at all; leave it out for the whole day' });
  }
  const zone = config.time_zone;
  if (zone !== undefined && !isTimeZone(zone)) problems.push({ path: ['time_zone'], message: timeZoneProblem(zone) });
  for (const [index, condition] of rule.conditions.entries()) {
    const path = conditionPath(config, index);
    if ('count' in condition) {
      const { at_least: least, at_most: most } = condition;
      if (least === undefined && most === undefined) problems.push({ path, message: 'says no number; give at_least or at_most' });
      else if (least !== undefined && most !== undefined && least > most) problems.push({ path, message: `at_least ${least} is more than at_most ${most}` });
    }
    if ('is' in condition && condition.is === 'removed' && condition.for_s !== undefined) problems.push({ path, message: 'an object is removed in an instant; leave for_s out, and set left_objects.gone_s of the camera' });
  }
  if (config.objects !== undefined && !rule.conditions.some(isOfObject)) problems.push({ path: ['objects'], message: 'no condition speaks of them: count has classes of its own; leave it out' });
  return problems;
}

function problemsAtScene(config: RuleConfig, rule: Rule, scene: SceneConfig): SceneProblem[] {
  const problems: SceneProblem[] = [];
  for (const [index, condition] of rule.conditions.entries()) {
    const path = conditionPath(config, index);
    const [missing] = missingInScene({ ...rule, conditions: [condition] }, scene);
    if (missing !== undefined) {
      const [kind, known] = missing.startsWith('zone') ? ['zones', scene.zones] as const : ['lines', scene.lines] as const;
      problems.push({ path, message: `there is no ${missing} at this camera; its ${kind}: ${known?.map(({ id }) => id).join(', ') || 'none'}` });
    }
    if (('faster_than' in condition || 'slower_than' in condition) && condition.unit !== 'frames/s' && !scene.ground_plane) {
      problems.push({ path, message: `${condition.unit} needs a ground_plane of the camera; give one, or use frames/s (heights of the picture a second)` });
    }
  }
  return problems;
}

/** A sentence is one key. */
function conditionPath(config: RuleConfig, index: number): (string | number)[] {
  return typeof config.when === 'string' ? ['when'] : ['when', index];
}

function duringPath(config: RuleConfig): string[] {
  return config.during === undefined ? ['when'] : ['during', 'between'];
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export const timeZoneProblem = (name: string): string => `${name} is no time zone; use an IANA name such as Europe/Berlin or UTC`;
