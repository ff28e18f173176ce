// One rule: as a form for what is common, as a sentence for all there is. What the server finds wrong stands where it belongs.
import { useState } from 'react';
import { DAYS, OBJECT_STATES, parseRuleSentence, SEVERITIES, SPEED_UNITS, type CameraRule, type Day, type SceneConfig } from '@ruth/protocol';
import { problemsUnder } from '../cameras/camera-api.ts';
import { ClassChoice, NumberField, SelectField, TextArea, TextField } from '../controls/fields.tsx';
import type { Failure } from '../system/api.ts';
import { formOfRule, NEW_RULE, ruleOfForm, ruleOfSentence, sentenceOfRule, type RuleForm, type RuleKind } from './rule-form.ts';
import { RuleTestPanel } from './rule-test.tsx';

const KIND_WORDS: readonly (readonly [RuleKind, string])[] = [
  ['stays', 'stays in a zone'], ['enters', 'comes into a zone'], ['leaves', 'goes out of a zone'], ['crosses', 'crosses a line'], ['count', 'are so many'], ['is', 'is in a state'], ['faster', 'moves fast'],
];
const WEEK_S = 604_800;

export interface RuleEditorProps {
  readonly cameraId: string;
  /** Null: a new one. */
  readonly rule: CameraRule | null;
  readonly scene: SceneConfig;
  readonly classes: readonly string[];
  /** By key of the rule: what the server found wrong. */
  readonly problems: Readonly<Record<string, string>>;
  readonly busy: boolean;
  readonly onSave: (rule: CameraRule) => void;
  readonly onClose: () => void;
}

export function RuleEditor({ cameraId, rule, scene, classes, problems: savingProblems, busy, onSave, onClose }: RuleEditorProps) {
  const known = rule && formOfRule(rule);
  const zones = (scene.zones ?? []).map(({ id, name }) => [id, name ?? id] as const);
  const lines = (scene.lines ?? []).map(({ id, name }) => [id, name ?? id] as const);
  const [form, setForm] = useState<RuleForm>(known ?? { ...NEW_RULE, zone: zones[0]?.[0] ?? '', line: lines[0]?.[0] ?? '', kind: zones.length > 0 ? 'stays' : lines.length > 0 ? 'crosses' : 'count', ...(rule ? { id: rule.id } : {}) });
  const [sentence, setSentence] = useState(rule ? sentenceOfRule(rule) : '');
  const [testFailure, setTestFailure] = useState<Failure | null>(null);
  const problems = testFailure ? problemsUnder(testFailure, '/rules/0') : savingProblems;
  const [mode, setMode] = useState<'form' | 'sentence'>(rule === null || known ? 'form' : 'sentence');
  const change = (part: Partial<RuleForm>): void => setForm({ ...form, ...part });
  const made = mode === 'form' ? ruleOfForm(form, rule ?? {}) : ruleOfSentence(form.id, sentence, form.cooldownS, rule ?? {});
  const wrongSentence = mode === 'sentence' && sentence.trim() !== '' ? sentenceProblem(sentence) : null;
  const toSentence = (): void => { setSentence(sentenceOfRule(ruleOfForm(form))); setMode('sentence'); };
  const toForm = (): void => {
    const again = formOfRule(made);
    if (again) { setForm(again); setMode('form'); }
  };
  return (
    <form className="panel rule-editor" aria-label={rule ? `Rule ${rule.id}` : 'New rule'} onSubmit={(event) => { event.preventDefault(); setTestFailure(null); onSave(made); }}>
      <div className="panel-head">
        <h3>{rule ? `Rule ${rule.name ?? rule.id}` : 'New rule'}</h3>
        <div className="segments" role="group" aria-label="How it is written">
          <button type="button" aria-pressed={mode === 'form'} disabled={mode === 'sentence' && formOfRule(made) === null} onClick={toForm}>Form</button>
          <button type="button" aria-pressed={mode === 'sentence'} onClick={toSentence} disabled={mode === 'sentence'}>Sentence</button>
        </div>
      </div>
      <div className="fields">
        <TextField label="Id" hint="Letters, digits, dots and dashes; it names the rule in alerts" value={form.id} required maxLength={63} problem={problems.id ?? null} onChange={(id) => change({ id })} />
        {mode === 'form' ? <FormFields form={form} zones={zones} lines={lines} classes={classes} problems={problems} onChange={change} />
          : <TextArea label="Sentence" rows={3} value={sentence} problem={wrongSentence ?? problems.when ?? null} hint={'Such as: person in zone "door" for 10 s and is lying between 22:00 and 06:00 then event "help" severity high'} onChange={setSentence} />}
        <NumberField label="After an alert, silent for so many seconds" value={form.cooldownS} min={0} max={WEEK_S} onChange={(cooldownS) => change({ cooldownS })} />
      </div>
      {mode === 'form' && <p className="rule-sentence">{sentenceOfRule(made)}</p>}
      <RuleTestPanel cameraId={cameraId} rule={made} disabled={busy || wrongSentence !== null} onFailure={setTestFailure} />
      {problems[''] && <p className="problem" role="alert">{problems['']}</p>}
      <div className="actions">
        <button type="submit" className="button primary" disabled={busy || wrongSentence !== null}>{busy ? 'Saving' : 'Save the rule'}</button>
        <button type="button" className="button" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}

interface FormFieldsProps { readonly form: RuleForm; readonly zones: readonly (readonly [string, string])[]; readonly lines: readonly (readonly [string, string])[]; readonly classes: readonly string[]; readonly problems: Readonly<Record<string, string>>; readonly onChange: (part: Partial<RuleForm>) => void }

function FormFields({ form, zones, lines, classes, problems, onChange }: FormFieldsProps) {
  const { kind } = form;
  const inZone = kind === 'stays' || kind === 'enters' || kind === 'leaves';
  const needed = (parts: FormFieldsProps['zones'], what: string): string | null => (parts.length === 0 ? `This camera has no ${what} yet: draw one under Scene` : problems.when ?? null);
  return (
    <>
      <ClassChoice label="Objects" chosen={form.objects} classes={classes} onChange={(objects) => onChange({ objects })} />
      {problems.objects && <p className="problem" role="alert">{problems.objects}</p>}
      <SelectField label="Alert when one" value={kind} choices={KIND_WORDS} onChange={(next) => onChange({ kind: next })} />
      {inZone && <SelectField label="Zone" value={form.zone} choices={zones} problem={needed(zones, 'zone')} onChange={(zone) => onChange({ zone })} />}
      {kind === 'count' && <SelectField label="Where" value={form.zone} choices={[['', 'In the whole picture'], ...zones]} problem={problems.when ?? null} onChange={(zone) => onChange({ zone })} />}
      {kind === 'crosses' && (
        <>
          <SelectField label="Line" value={form.line} choices={lines} problem={needed(lines, 'line')} onChange={(line) => onChange({ line })} />
          <SelectField label="Direction" value={form.direction} choices={[['either', 'Either way'], ['in', 'In'], ['out', 'Out']]} onChange={(direction) => onChange({ direction })} />
        </>
      )}
      {kind === 'count' && (
        <>
          <SelectField label="How many" value={form.bound} choices={[['at_least', 'At least'], ['at_most', 'At most']]} onChange={(bound) => onChange({ bound })} />
          <NumberField label="Number" value={form.number} min={0} max={1000} step={1} onChange={(number) => onChange({ number: number ?? 0 })} />
        </>
      )}
      {kind === 'is' && <SelectField label="State" value={form.state} choices={OBJECT_STATES.map((state) => [state, state] as const)} problem={problems.when ?? null} onChange={(state) => onChange({ state })} />}
      {kind === 'faster' && (
        <>
          <NumberField label="Faster than" value={form.speed} min={0} max={1000} onChange={(speed) => onChange({ speed: speed ?? 0 })} />
          <SelectField label="Unit" hint="frames/s: heights of the picture in a second" value={form.unit} choices={SPEED_UNITS.map((unit) => [unit, unit] as const)} problem={problems.when ?? null} onChange={(unit) => onChange({ unit })} />
        </>
      )}
      {(kind === 'stays' || kind === 'count' || kind === 'is' || kind === 'faster') && <NumberField label="For so many seconds" value={form.seconds} min={0.1} max={WEEK_S} onChange={(seconds) => onChange({ seconds })} />}
      <div className="field-pair">
        <TextField label="From" type="time" value={form.from} problem={problems.during ?? null} onChange={(from) => onChange({ from })} />
        <TextField label="Until" type="time" value={form.to} onChange={(to) => onChange({ to })} />
      </div>
      <Days days={form.days} onChange={(days) => onChange({ days })} />
      <TextField label="The alert is called" placeholder={form.id} value={form.event} maxLength={100} onChange={(event) => onChange({ event })} />
      <SelectField label="Severity" value={form.severity} choices={SEVERITIES.map((severity) => [severity, severity] as const)} onChange={(severity) => onChange({ severity })} />
    </>
  );
}

function Days({ days, onChange }: { days: readonly Day[]; onChange: (days: readonly Day[]) => void }) {
  return (
    <fieldset className="class-choice">
      <legend>Days{days.length === 0 && <span className="hint"> every day</span>}</legend>
      <div className="chips">{DAYS.map((day) => <button key={day} type="button" className="chip" aria-pressed={days.includes(day)} onClick={() => onChange(DAYS.filter((each) => (each === day) !== days.includes(each)))}>{day}</button>)}</div>
    </fieldset>
  );
}

function sentenceProblem(sentence: string): string | null {
  try {
    parseRuleSentence(sentence);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
