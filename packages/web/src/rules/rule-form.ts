// The common rules as a form has them, to and from what a rule is. A rule that says more than a form can is edited as a sentence.
import { classesText, conditionText, parseRuleSentence, type CameraRule, type Condition, type Day, type ObjectState, type Severity, type SpeedUnit } from '@ruth/protocol';

export const RULE_KINDS = ['stays', 'enters', 'leaves', 'crosses', 'count', 'is', 'faster'] as const;
export type RuleKind = (typeof RULE_KINDS)[number];

export interface RuleForm {
  readonly id: string;
  readonly kind: RuleKind;
  readonly objects: readonly string[];
  readonly zone: string;
  readonly line: string;
  readonly direction: 'in' | 'out' | 'either';
  /** It must have held for so long; null: at once. */
  readonly seconds: number | null;
  readonly number: number;
  readonly bound: 'at_least' | 'at_most';
  readonly state: ObjectState;
  readonly speed: number;
  readonly unit: SpeedUnit;
  /** Both empty: the whole day. */
  readonly from: string;
  readonly to: string;
  /** None: every day. */
  readonly days: readonly Day[];
  readonly event: string;
  readonly severity: Severity;
  readonly cooldownS: number | null;
}

export const NEW_RULE: RuleForm = {
  id: '', kind: 'stays', objects: ['person'], zone: '', line: '', direction: 'either', seconds: 10, number: 3, bound: 'at_least', state: 'fallen', speed: 0.6, unit: 'frames/s',
  from: '', to: '', days: [], event: '', severity: 'medium', cooldownS: null,
};

/** What of a rule no form and no sentence says: whether it runs, whose looks count, its name, its time zone. It stays as it is. */
type Kept = Pick<CameraRule, 'name' | 'active' | 'model' | 'time_zone'>;

export function ruleOfForm(form: RuleForm, kept: Kept = {}): CameraRule {
  const held = form.seconds === null ? {} : { for_s: form.seconds };
  const ofObject = form.kind !== 'count' && form.objects.length > 0;
  const during = { ...(form.from !== '' && form.to !== '' ? { between: [form.from, form.to] as [string, string] } : {}), ...(form.days.length > 0 ? { days: [...form.days] } : {}) };
  return {
    ...keptOf(kept), id: form.id, ...(ofObject ? { objects: [...form.objects] } : {}), when: [conditionOfForm(form, held)],
    ...(Object.keys(during).length > 0 ? { during } : {}), ...(form.event === '' ? {} : { event: form.event }), severity: form.severity, ...(form.cooldownS === null ? {} : { cooldown_s: form.cooldownS }),
  };
}

function conditionOfForm({ kind, zone, line, direction, objects, number, bound, state, speed, unit }: RuleForm, held: { for_s?: number }): Condition {
  switch (kind) {
    case 'stays': return { in_zone: zone, ...held };
    case 'enters': return { enters_zone: zone };
    case 'leaves': return { leaves_zone: zone };
    case 'crosses': return { crosses_line: line, ...(direction === 'either' ? {} : { direction }) };
    case 'count': return { count: objects.length === 0 ? 'any' : [...objects], ...(zone === '' ? {} : { zone }), [bound]: number, ...held };
    case 'is': return { is: state, ...(state === 'removed' ? {} : held) };
    case 'faster': return { faster_than: speed, unit, ...held };
  }
}

/** Null where a form cannot say all that the rule says. */
export function formOfRule(rule: CameraRule): RuleForm | null {
  const said = saidBy(rule);
  if (said === null || said.when.length !== 1) return null;
  const [condition] = said.when as [Condition];
  const parts = partsOf(condition);
  if (parts === null) return null;
  const [from = '', to = ''] = said.during?.between ?? [];
  return {
    ...NEW_RULE, seconds: null, id: rule.id, objects: said.objects, from, to, days: said.during?.days ?? [], event: said.event ?? '', severity: said.severity ?? 'medium', cooldownS: rule.cooldown_s ?? null, ...parts,
  };
}

function partsOf(condition: Condition): Partial<RuleForm> | null {
  const seconds = 'for_s' in condition ? condition.for_s ?? null : null;
  if ('within_s' in condition && condition.within_s !== undefined) return null;
  if ('in_zone' in condition) return { kind: 'stays', zone: condition.in_zone, seconds };
  if ('enters_zone' in condition) return { kind: 'enters', zone: condition.enters_zone };
  if ('leaves_zone' in condition) return { kind: 'leaves', zone: condition.leaves_zone };
  if ('crosses_line' in condition) return { kind: 'crosses', line: condition.crosses_line, direction: condition.direction ?? 'either' };
  if ('is' in condition) return { kind: 'is', state: condition.is, seconds };
  if ('faster_than' in condition) return { kind: 'faster', speed: condition.faster_than, unit: condition.unit, seconds };
  if (!('count' in condition) || (condition.at_least !== undefined && condition.at_most !== undefined)) return null;
  const { count, zone = '', at_least: least, at_most: most } = condition;
  return { kind: 'count', objects: count === 'any' ? [] : typeof count === 'string' ? [count] : count, zone, bound: least === undefined ? 'at_most' : 'at_least', number: least ?? most ?? 0, seconds };
}

interface Said { readonly objects: readonly string[]; readonly when: readonly Condition[]; readonly during: CameraRule['during']; readonly event: string | undefined; readonly severity: Severity | undefined }

/** Null where its sentence is none. */
function saidBy(rule: CameraRule): Said | null {
  const { objects = [], during, event, severity } = rule;
  const own = { objects: typeof objects === 'string' ? [objects] : objects, during, event, severity };
  if (typeof rule.when !== 'string') return { ...own, when: rule.when };
  try {
    const said = parseRuleSentence(rule.when);
    return { objects: said.objects ?? own.objects, when: said.when, during: said.during ?? during, event: said.event ?? event, severity: said.severity ?? severity };
  } catch {
    return null;
  }
}

/** The whole rule in one sentence, which `parseRuleSentence` reads again. */
export function sentenceOfRule(rule: CameraRule): string {
  const said = saidBy(rule);
  if (said === null) return typeof rule.when === 'string' ? rule.when : '';
  const counts = said.when.every((condition) => 'count' in condition);
  const subject = said.objects.length > 0 ? `${classesText(said.objects)} ` : counts ? '' : 'any object ';
  const between = said.during?.between ? ` between ${said.during.between[0]} and ${said.during.between[1]}` : '';
  const days = said.during?.days ? ` on ${said.during.days.join(', ')}` : '';
  return `${subject}${said.when.map(conditionText).join(' and ')}${between}${days}${said.event === undefined ? '' : ` then event ${JSON.stringify(said.event)}`}${said.severity === undefined ? '' : ` severity ${said.severity}`}`;
}

/** What a sentence says takes the place of what the rule said in keys of its own. */
export function ruleOfSentence(id: string, sentence: string, cooldownS: number | null, kept: Kept = {}): CameraRule {
  return { ...keptOf(kept), id, when: sentence, ...(cooldownS === null ? {} : { cooldown_s: cooldownS }) };
}

function keptOf({ name, active, model, time_zone }: Kept): Kept {
  return { ...(name === undefined ? {} : { name }), ...(active === undefined ? {} : { active }), ...(model === undefined ? {} : { model }), ...(time_zone === undefined ? {} : { time_zone }) };
}
