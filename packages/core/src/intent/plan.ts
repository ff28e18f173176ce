// Which subscriptions of a camera's intent run now, and why the others do not. Pure.
import { minutesOfDay, type CameraIntent, type CameraSubscription, type MaskConfig, type Schedule, type ZoneConfig } from '@ruth/protocol';
import { TimeWindow } from '../rules/time-window.ts';

/** `idle`: intended so. `refused`: it cannot run as things are. */
export type Verdict = { readonly verdict: 'runs' } | { readonly verdict: 'idle' | 'refused'; readonly reason: string };
export type PlannedSubscription = { readonly settings: CameraSubscription; /** Where it looks, if not everywhere. */ readonly zone: ZoneConfig | null; /** Where motion does not count, if it asks for motion. */ readonly masks: readonly MaskConfig[] } & Verdict;

/** `at`: UTC, seconds. `timeZone`: of schedules that name none; null is that of the machine. */
export interface PlanTime { readonly at: number; readonly timeZone: string | null }

const RUNS: Verdict = { verdict: 'runs' };

/** Fails closed: what names a model or a zone that nobody knows is not run, nor is what follows it. */
export function planSubscriptions({ subscriptions, scene }: CameraIntent, knowsModel: (modelId: string) => boolean, now: PlanTime): PlannedSubscription[] {
  const byModel = new Map(subscriptions.map((settings) => [settings.model, settings]));
  const zoneOf = ({ zone: id }: CameraSubscription): ZoneConfig | null => scene?.zones?.find((zone) => zone.id === id) ?? null;
  const judge = (settings: CameraSubscription): Verdict => {
    const { model, active, zone, schedule, regions } = settings;
    if (!knowsModel(model)) return { verdict: 'refused', reason: `there is no model ${model}: ruth.yaml names none, and no container of that name was found` };
    if (zone !== undefined && zoneOf(settings) === null) return { verdict: 'refused', reason: `there is no zone ${zone} at this camera` };
    if (active === false) return { verdict: 'idle', reason: 'it is not active' };
    if (schedule && !isScheduled(schedule, now)) return { verdict: 'idle', reason: 'it is not the time of its schedule' };
    if (!regions) return RUNS;
    const source = byModel.get(regions.model);
    if (!source) return { verdict: 'refused', reason: `it follows ${regions.model}, which does not look at this camera` };
    // Ends, for a circle is no intent.
    const ofSource = judge(source);
    return ofSource.verdict === 'runs' ? RUNS : { verdict: ofSource.verdict, reason: `it follows ${source.model}: ${ofSource.reason}` };
  };
  return subscriptions.map((settings) => ({ settings, zone: zoneOf(settings), masks: settings.motion ? scene?.masks ?? [] : [], ...judge(settings) }));
}

function isScheduled({ between, days, time_zone: timeZone }: Schedule, now: PlanTime): boolean {
  const betweenMinutes = between ? [minutesOfDay(between[0]), minutesOfDay(between[1])] as const : null;
  return new TimeWindow({ betweenMinutes, days: days ?? null, timeZone: timeZone ?? now.timeZone }).applies(now.at);
}
