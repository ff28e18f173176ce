// Which subscriptions of a camera's intent run, and why the others do not. Pure.
import type { CameraIntent, CameraSubscription } from '@ruth/protocol';

/** `idle`: intended so. `refused`: it cannot run as things are. */
export type Verdict = { readonly verdict: 'runs' } | { readonly verdict: 'idle' | 'refused'; readonly reason: string };
export type PlannedSubscription = { readonly settings: CameraSubscription } & Verdict;

const RUNS: Verdict = { verdict: 'runs' };

/** Fails closed: what names a model that nobody knows is not run, nor is what follows it. */
export function planSubscriptions({ subscriptions }: CameraIntent, knowsModel: (modelId: string) => boolean): PlannedSubscription[] {
  const byModel = new Map(subscriptions.map((settings) => [settings.model, settings]));
  const judge = ({ model, active, regions }: CameraSubscription): Verdict => {
    if (!knowsModel(model)) return { verdict: 'refused', reason: `there is no model ${model}: ruth.yaml names none, and no container of that name was found` };
    if (active === false) return { verdict: 'idle', reason: 'it is not active' };
    if (!regions) return RUNS;
    const source = byModel.get(regions.model);
    if (!source) return { verdict: 'refused', reason: `it follows ${regions.model}, which does not look at this camera` };
    // Ends, for a circle is no intent.
    const ofSource = judge(source);
    return ofSource.verdict === 'runs' ? RUNS : { verdict: ofSource.verdict, reason: `it follows ${source.model}: ${ofSource.reason}` };
  };
  return subscriptions.map((settings) => ({ settings, ...judge(settings) }));
}
