// Where a camera of the site may be: labels that it requires or prefers, out of those that nodes have, what it costs, and which nodes that leaves.
import { useId, useState } from 'react';
import type { SiteInfo, SiteLabels, SitePlacing } from '@ruth/protocol';
import { NumberField } from '../controls/fields.tsx';
import { DEFAULT_COST_CORES, fitsOf, labelsOf, labelText, parseLabel } from './placing.ts';

export interface PlacingFieldsProps {
  readonly placing: SitePlacing;
  /** Null: it is not known which nodes there are. */
  readonly site: SiteInfo | null;
  readonly measured?: number | null;
  readonly at?: string | null;
  readonly onChange: (placing: SitePlacing) => void;
}

export function PlacingFields({ placing, site, measured = null, at = null, onChange }: PlacingFieldsProps) {
  const { require = {}, prefer = {}, cost_cores: cost } = placing;
  const known = site === null ? [] : labelsOf(site);
  const set = (change: { require?: SiteLabels; prefer?: SiteLabels; cost_cores?: number | null }): void => {
    const next = { ...placing, ...change };
    onChange({
      ...(Object.keys(next.require ?? {}).length === 0 ? {} : { require: next.require! }), ...(Object.keys(next.prefer ?? {}).length === 0 ? {} : { prefer: next.prefer! }),
      ...(typeof next.cost_cores === 'number' ? { cost_cores: next.cost_cores } : {}),
    });
  };
  return (
    <div className="fields">
      <LabelChoice legend="Only at nodes with" empty="at any" labels={require} known={known} onChange={(labels) => set({ require: labels })} />
      <LabelChoice legend="Rather at nodes with" empty="no matter" labels={prefer} known={known} onChange={(labels) => set({ prefer: labels })} />
      <NumberField label="What it costs a node, in cores" hint={measured === null ? `${DEFAULT_COST_CORES} until it is measured, where empty` : `As it is measured where empty: ${measured.toFixed(2)}`} value={cost ?? null} min={0} max={4096} onChange={(cores) => set({ cost_cores: cores })} />
      {site !== null && site.nodes.length > 0 && <Fitting placing={placing} site={site} measured={measured} at={at} />}
    </div>
  );
}

function Fitting({ placing, site, measured, at }: { placing: SitePlacing; site: SiteInfo; measured: number | null; at: string | null }) {
  const fits = fitsOf(placing, site, { measured, at });
  const fitting = fits.filter(({ why }) => why === null).map(({ node }) => node);
  const others = fits.filter(({ why }) => why !== null);
  return (
    <div role="status" aria-label="Nodes that may have it">
      {fitting.length === 0 ? <p className="problem">No node can have it now: it is recorded nowhere until one can.</p>
        : <p className="hint">{fitting.length === 1 ? `Only ${fitting[0]} can have it now: where that fails, nobody records it.` : `Can be at ${fitting.slice(0, 8).join(', ')}${fitting.length > 8 ? ` and ${fitting.length - 8} more` : ''}.`}</p>}
      {others.length > 0 && <p className="hint">{others.slice(0, 8).map(({ node, why }) => `${node} ${why}`).join('; ')}{others.length > 8 ? `; and ${others.length - 8} more cannot` : ''}.</p>}
    </div>
  );
}

/** One value for each key. One that no node has (yet) is typed. */
function LabelChoice({ legend, empty, labels, known, onChange }: { legend: string; empty: string; labels: SiteLabels; known: readonly string[]; onChange: (labels: SiteLabels) => void }) {
  const [typed, setTyped] = useState('');
  const [isWrong, setIsWrong] = useState(false);
  const id = useId();
  const chosen = Object.entries(labels).map(labelText);
  const toggle = (text: string): void => {
    const [key, label] = parseLabel(text)!;
    onChange(labels[key] === label ? Object.fromEntries(Object.entries(labels).filter(([each]) => each !== key)) : { ...labels, [key]: label });
  };
  const add = (): void => {
    const label = parseLabel(typed);
    setIsWrong(label === null && typed.trim() !== '');
    if (label === null) return;
    onChange({ ...labels, [label[0]]: label[1] });
    setTyped('');
  };
  return (
    <fieldset className="class-choice">
      <legend>{legend}{chosen.length === 0 && <span className="hint"> {empty}</span>}</legend>
      <div className="chips">
        {[...new Set([...known, ...chosen])].map((text) => <button key={text} type="button" className="chip" aria-pressed={chosen.includes(text)} onClick={() => toggle(text)}>{text}</button>)}
        <input className="chip-input" aria-label={`${legend}: another label`} aria-invalid={isWrong} aria-describedby={isWrong ? id : undefined} placeholder="key=value" value={typed} maxLength={127} autoCapitalize="none" spellCheck={false} onChange={({ target }) => { setTyped(target.value); setIsWrong(false); }} onBlur={add} onKeyDown={(event) => { if (event.key === 'Enter') { event.preventDefault(); add(); } }} />
      </div>
      {isWrong && <p id={id} className="problem" role="alert">Write it as key=value, for example building=north</p>}
    </fieldset>
  );
}
