// The rules of a camera: each in a sentence, switched on and off, edited in a form or as a sentence; all of them as YAML.
import { lazy, Suspense, useState } from 'react';
import { Switch } from '@base-ui/react/switch';
import type { CameraRule, NodeCamera } from '@ruth/protocol';
import { changeIntent, problemsUnder } from '../cameras/camera-api.ts';
import type { Failure } from '../system/api.ts';
import { RuleEditor } from './rule-editor.tsx';
import { sentenceOfRule } from './rule-form.ts';

const RulesText = lazy(async () => ({ default: (await import('./rules-text.tsx')).RulesText }));

export interface RulesPageProps { readonly camera: NodeCamera; readonly classes: readonly string[]; readonly mayChange: boolean; readonly onChanged: (camera: NodeCamera) => void }

/** `index`: of the rule that is edited; as many as there are: a new one. */
type Editing = { readonly what: 'rule'; readonly index: number } | { readonly what: 'text' } | null;

export function RulesPage({ camera, classes, mayChange, onChanged }: RulesPageProps) {
  const { config: { id }, rules, shared_rules: shared, scene } = camera;
  const [editing, setEditing] = useState<Editing>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const save = async (next: readonly CameraRule[]): Promise<boolean> => {
    setBusy(true);
    const { value, failure: refused } = await changeIntent(camera, { rules: [...next] });
    setBusy(false);
    setFailure(refused);
    if (value === null) return false;
    onChanged(value);
    return true;
  };
  const edit = (next: Editing): void => {
    setFailure(null);
    setEditing(next);
  };
  if (editing?.what === 'text') return <Suspense><RulesText rules={rules} failure={failure} busy={busy} onSave={(next) => void save(next).then((done) => { if (done) edit(null); })} onClose={() => edit(null)} /></Suspense>;
  const problems = editing ? problemsUnder(failure, `/rules/${editing.index}`) : {};
  return (
    <div className="rules">
      {editing ? (
        <RuleEditor
          key={editing.index} cameraId={id} rule={rules[editing.index] ?? null} scene={scene} classes={classes} problems={problems} busy={busy} onClose={() => edit(null)}
          onSave={(rule) => void save(editing.index < rules.length ? rules.with(editing.index, rule) : [...rules, rule]).then((done) => { if (done) edit(null); })}
        />
      ) : (
        <>
          {failure && <p className="problem" role="alert">{failure.message}</p>}
          {mayChange && (
            <div className="actions">
              <button type="button" className="button primary" onClick={() => edit({ what: 'rule', index: rules.length })}>New rule</button>
              <button type="button" className="button" onClick={() => edit({ what: 'text' })}>All as YAML</button>
            </div>
          )}
        </>
      )}
      {rules.length === 0 && !editing && <p className="hint">No rule yet. A rule raises an alert when what it says holds, such as: somebody stays by the door for ten seconds at night.</p>}
      <ul className="rule-list" aria-label="Rules of this camera">
        {rules.map((rule, index) => (
          <li key={rule.id} className="panel rule" data-rule-id={rule.id} data-active={rule.active ?? true}>
            <div className="rule-words">
              <h3>{rule.name ?? rule.event ?? rule.id}</h3>
              <p>{sentenceOfRule(rule)}</p>
            </div>
            {mayChange && (
              <div className="rule-actions">
                <Switch.Root className="switch" aria-label={`Run ${rule.id}`} checked={rule.active ?? true} disabled={busy} onCheckedChange={(active) => void save(rules.with(index, activated(rule, active)))}><Switch.Thumb className="switch-thumb" /></Switch.Root>
                <button type="button" className="text-button" onClick={() => edit({ what: 'rule', index })} aria-label={`Edit ${rule.id}`}>Edit</button>
                <button type="button" className="text-button" disabled={busy} onClick={() => void save(rules.filter((_, each) => each !== index))} aria-label={`Remove ${rule.id}`}>Remove</button>
              </div>
            )}
          </li>
        ))}
      </ul>
      {shared.length > 0 && (
        <section className="shared-rules" aria-label="Rules for all cameras">
          <h3>For all cameras</h3>
          <ul className="rule-list">{shared.map((rule) => <li key={rule.id} className="panel rule"><div className="rule-words"><h4>{rule.name ?? rule.event ?? rule.id}</h4><p>{sentenceOfRule(rule)}</p></div></li>)}</ul>
          <p className="hint">They stand in ruth.yaml under <code>camera: "*"</code>, and are changed there.</p>
        </section>
      )}
    </div>
  );
}

function activated({ active: _, ...rule }: CameraRule, active: boolean): CameraRule {
  return active ? rule : { ...rule, active };
}
