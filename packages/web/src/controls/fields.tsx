// Fields of forms: a label, a value, and beside it what is wrong with it.
import { useId, useState, type ReactNode } from 'react';

interface FieldProps { readonly label: string; readonly hint?: string; readonly problem?: string | null }

/** `children` gets the ids that lead to it. */
function Field({ label, hint, problem, children }: FieldProps & { readonly children: (ids: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean }) => ReactNode }) {
  const id = useId();
  const told = problem ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': told ? `${id}-told` : undefined, 'aria-invalid': problem != null })}
      {told && <p id={`${id}-told`} className={problem ? 'problem' : 'hint'} role={problem ? 'alert' : undefined}>{told}</p>}
    </div>
  );
}

export interface TextFieldProps extends FieldProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string;
  readonly maxLength?: number;
  readonly type?: 'text' | 'password' | 'url' | 'time';
  readonly autoComplete?: string;
  readonly required?: boolean;
}

export function TextField({ label, hint, problem, value, onChange, type = 'text', autoComplete = 'off', ...rest }: TextFieldProps) {
  return <Field label={label} {...(hint === undefined ? {} : { hint })} problem={problem ?? null}>{(ids) => <input {...ids} {...rest} type={type} value={value} autoComplete={autoComplete} autoCapitalize="none" spellCheck={false} onChange={({ target }) => onChange(target.value)} />}</Field>;
}

export function TextArea({ label, hint, problem, value, onChange, rows, code = false }: FieldProps & { readonly value: string; readonly onChange: (value: string) => void; readonly rows: number; readonly code?: boolean }) {
  return <Field label={label} {...(hint === undefined ? {} : { hint })} problem={problem ?? null}>{(ids) => <textarea {...ids} rows={rows} className={code ? 'code' : ''} value={value} spellCheck={false} onChange={({ target }) => onChange(target.value)} />}</Field>;
}

/** Null: nothing is given. What is no number is kept as it was typed, and told. */
export function NumberField({ label, hint, value, min, max, step = 'any', onChange }: FieldProps & { readonly value: number | null; readonly min: number; readonly max: number; readonly step?: number | 'any'; readonly onChange: (value: number | null) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  const problem = typed === null ? null : `A number from ${min} to ${max}`;
  const take = (text: string): void => {
    const number = Number(text);
    const fits = text.trim() === '' || (Number.isFinite(number) && number >= min && number <= max && (step !== 1 || Number.isInteger(number)));
    setTyped(fits ? null : text);
    if (fits) onChange(text.trim() === '' ? null : number);
  };
  return <Field label={label} {...(hint === undefined ? {} : { hint })} problem={problem}>{(ids) => <input {...ids} inputMode="decimal" value={typed ?? (value === null ? '' : String(value))} autoComplete="off" onChange={({ target }) => take(target.value)} />}</Field>;
}

export function SelectField<T extends string>({ label, hint, problem, value, choices, onChange }: FieldProps & { readonly value: T; readonly choices: readonly (readonly [value: T, words: string])[]; readonly onChange: (value: T) => void }) {
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })} problem={problem ?? null}>
      {(ids) => (
        <select {...ids} value={value} onChange={({ target }) => onChange(target.value as T)}>
          {!choices.some(([each]) => each === value) && <option value={value}>{value}</option>}
          {choices.map(([each, words]) => <option key={each} value={each}>{words}</option>)}
        </select>
      )}
    </Field>
  );
}

const SHOWN_AT_ONCE = 12;

/** None chosen: all. A class that no model names may be typed. */
export function ClassChoice({ label, empty = 'everything', chosen, classes, onChange }: { label: string; /** What it means that none is chosen. */ empty?: string; chosen: readonly string[]; classes: readonly string[]; onChange: (chosen: readonly string[]) => void }) {
  const [typed, setTyped] = useState('');
  const listId = useId();
  const shown = [...new Set([...chosen, ...classes])].slice(0, Math.max(SHOWN_AT_ONCE, chosen.length));
  const add = (): void => {
    const name = typed.trim();
    if (name !== '' && !chosen.includes(name)) onChange([...chosen, name]);
    setTyped('');
  };
  return (
    <fieldset className="class-choice">
      <legend>{label}{chosen.length === 0 && <span className="hint"> {empty}</span>}</legend>
      <div className="chips">
        {shown.map((name) => (
          <button key={name} type="button" className="chip" aria-pressed={chosen.includes(name)} onClick={() => onChange(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name])}>{name}</button>
        ))}
        {classes.length > shown.length && (
          <>
            <input className="chip-input" aria-label={`${label}: another class`} placeholder="another" list={listId} value={typed} maxLength={128} onChange={({ target }) => setTyped(target.value)} onBlur={add} onKeyDown={(event) => { if (event.key === 'Enter') { event.preventDefault(); add(); } }} />
            <datalist id={listId}>{classes.map((name) => <option key={name} value={name} />)}</datalist>
          </>
        )}
      </div>
    </fieldset>
  );
}
