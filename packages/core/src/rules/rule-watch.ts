// One rule over the objects of one camera and model: an alert is raised when all of its conditions hold for an object (or for how many
// there are) and cleared when they no longer do. Conditions are told by the scene; here stand only how long they have held, and alerts.
import { conditionText, type HeldCondition, isOfObject, type Rule } from '@ruth/protocol';
import type { Happening } from '../scene/happenings.ts';
import type { SceneObject } from '../scene/scene-object.ts';
import { counted, countHolds, happensIn, holdsSince, isInstant, type CountCondition, type ObjectCondition } from './conditions.ts';
import { TimeWindow } from './time-window.ts';

/** What holds again within so long has not ceased to hold. */
const CLEAR_S = 1;
/** Rounding of times that are differences. */
const TOLERANCE_S = 1e-6;

export type ClearReason = 'no_longer' | 'track_ended' | 'could_not_look' | 'rule_changed';

export interface Alert {
  readonly rule: Rule;
  /** Null where the rule only counts. */
  readonly object: SceneObject | null;
  /** The object first, then those that were counted. */
  objects: readonly SceneObject[];
  readonly conditions: readonly HeldCondition[];
  readonly lasting: boolean;
  readonly raisedS: number;
  /** UTC, seconds, by the look that raised it: its id is made from it, and pictures come with less delay or more. */
  readonly raisedAt: number;
  /** When its conditions were last seen to hold. */
  heldS: number;
}

export type AlertNews = { readonly alert: Alert } & ({ readonly type: 'raised' } | { readonly type: 'cleared'; readonly reason: ClearReason });

export interface RuleLook {
  readonly nowS: number;
  /** UTC, seconds. */
  readonly at: number;
  readonly objects: ReadonlyMap<number, SceneObject>;
  readonly happened: readonly Happening[];
}

/** What the models of a camera share of a rule. UTC seconds of its last alert. */
export interface Cooldown { raisedAt: number }

/** Key of what is of no object. */
const NO_OBJECT = 0;

export class RuleWatch {
  readonly rule: Rule;
  readonly #window: TimeWindow;
  readonly #cooldown: Cooldown;
  readonly #ofObject: boolean;
  /** By object and condition: since when it holds, or when it last happened. */
  readonly #sinceS = new Map<number, (number | null)[]>();
  /** Those that last, by object. */
  readonly #alerts = new Map<number, Alert>();

  constructor(rule: Rule, cooldown: Cooldown) {
    this.rule = rule;
    this.#window = new TimeWindow(rule);
    this.#cooldown = cooldown;
    this.#ofObject = rule.conditions.some(isOfObject);
  }

  follow(look: RuleLook): AlertNews[] {
    const news: AlertNews[] = [];
    const counts = this.#count(look);
    const instants = new Set<number>();
    for (const happening of look.happened) {
      if (!this.#speaksOf(happening.object)) continue;
      for (const [index, condition] of this.rule.conditions.entries()) {
        if (!isOfObject(condition) || !happensIn(condition as ObjectCondition, happening)) continue;
        this.#times(happening.object.id)[index] = look.nowS;
        instants.add(happening.object.id);
      }
    }
    if (!this.#ofObject) this.#judge(null, look, counts, news);
    else {
      for (const object of look.objects.values()) {
        if (this.#speaksOf(object) && (object.isSeen || instants.delete(object.id))) this.#judge(object, look, counts, news);
        instants.delete(object.id);
      }
      // What is removed is no object that lives.
      for (const { object } of look.happened) {
        if (!instants.delete(object.id)) continue;
        this.#judge(object, look, counts, news);
        this.#sinceS.delete(object.id);
      }
    }
    for (const [key, alert] of this.#alerts) {
      if (look.nowS - alert.heldS <= CLEAR_S) continue;
      // Who is not seen may still be as it was; of whose track has ended is told with the end.
      if (alert.object !== null && !alert.object.isSeen && this.#window.applies(look.at)) continue;
      this.#alerts.delete(key);
      news.push({ type: 'cleared', alert, reason: 'no_longer' });
    }
    return news;
  }

  /** The track of the object has ended. */
  end(objectId: number, reason: 'track_ended' | 'could_not_look'): AlertNews[] {
    this.#sinceS.delete(objectId);
    const alert = this.#alerts.get(objectId);
    this.#alerts.delete(objectId);
    return alert ? [{ type: 'cleared', alert, reason }] : [];
  }

  /** Everything is forgotten. */
  clear(reason: ClearReason): AlertNews[] {
    const news = [...this.#alerts.values()].map((alert): AlertNews => ({ type: 'cleared', alert, reason }));
    this.#alerts.clear();
    this.#sinceS.clear();
    return news;
  }

  #speaksOf({ className }: SceneObject): boolean { return this.rule.objects?.includes(className) ?? true; }

  #times(key: number): (number | null)[] {
    const times = this.#sinceS.get(key) ?? this.rule.conditions.map(() => null);
    this.#sinceS.set(key, times);
    return times;
  }

  /** By condition: who is counted. Notes since when the number is as wanted. */
  #count({ objects, nowS }: RuleLook): ReadonlyMap<number, readonly SceneObject[]> {
    const counts = new Map<number, readonly SceneObject[]>();
    for (const [index, condition] of this.rule.conditions.entries()) {
      if (isOfObject(condition)) continue;
      const those = counted(condition as CountCondition, objects.values(), nowS);
      const times = this.#times(NO_OBJECT);
      counts.set(index, those);
      times[index] = countHolds(condition as CountCondition, those.length) ? times[index] ?? nowS : null;
    }
    return counts;
  }

  #judge(object: SceneObject | null, look: RuleLook, counts: ReadonlyMap<number, readonly SceneObject[]>, news: AlertNews[]): void {
    const { nowS, at } = look;
    const key = object?.id ?? NO_OBJECT;
    const held = this.#held(object, nowS);
    if (held === null || !this.#window.applies(at)) return;
    const objects = [...new Set([...object ? [object] : [], ...[...counts.values()].flat()])];
    const alert = this.#alerts.get(key);
    if (alert) {
      Object.assign(alert, { heldS: nowS, objects });
      return;
    }
    if (at - this.#cooldown.raisedAt < this.rule.cooldownS) return;
    const lasting = !this.rule.conditions.some(isInstant);
    const raised: Alert = { rule: this.rule, object, objects, conditions: held, lasting, raisedS: nowS, raisedAt: at, heldS: nowS };
    this.#cooldown.raisedAt = at;
    if (lasting) this.#alerts.set(key, raised);
    // An instant counts once.
    else this.rule.conditions.forEach((condition, index) => { if (isInstant(condition)) this.#times(key)[index] = null; });
    news.push({ type: 'raised', alert: raised });
  }

  /** How long each condition has held; null where one of them does not, or not long enough. */
  #held(object: SceneObject | null, nowS: number): HeldCondition[] | null {
    const held: HeldCondition[] = [];
    let all = true;
    for (const [index, condition] of this.rule.conditions.entries()) {
      const ofObject = isOfObject(condition);
      if (ofObject && object === null) return null;
      const times = this.#times(ofObject ? object!.id : NO_OBJECT);
      if (ofObject && isInstant(condition)) {
        const happenedS = times[index] ?? null;
        const within = ('within_s' in condition && condition.within_s) || 0;
        if (happenedS === null || nowS - happenedS > within + TOLERANCE_S) all = false;
        held.push({ text: conditionText(condition), held_s: null });
        continue;
      }
      if (ofObject) {
        const sinceS = holdsSince(condition as ObjectCondition, object!, nowS);
        times[index] = sinceS === null ? null : Math.min(times[index] ?? Infinity, sinceS);
      }
      const sinceS = times[index] ?? null;
      const forS = ('for_s' in condition && condition.for_s) || 0;
      if (sinceS === null || nowS - sinceS < forS - TOLERANCE_S) all = false;
      held.push({ text: conditionText(condition), held_s: sinceS === null ? null : nowS - sinceS });
    }
    return all ? held : null;
  }
}
