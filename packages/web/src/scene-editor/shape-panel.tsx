// Beside the picture: the shapes of the scene as a list, what the chosen one is called and what counts in it, and what it matches now.
import type { LineConfig, MaskConfig, SceneConfig, ZoneConfig } from '@ruth/protocol';
import { ClassChoice, NumberField, TextField } from '../controls/fields.tsx';
import { shapeAt, type SceneAction, type SceneDraft, type Shape, type ShapeKind } from './scene-draft.ts';
import { nameOf } from './shape-layer.tsx';

const HEADINGS: readonly (readonly [ShapeKind, string])[] = [['zones', 'Zones'], ['lines', 'Lines'], ['masks', 'Masks']];

export interface ShapePanelProps {
  readonly draft: SceneDraft;
  /** Names of the classes that models at this camera know. */
  readonly classes: readonly string[];
  /** What the chosen shape matches now, in words. */
  readonly matched: string | null;
  readonly problemsOf: (kind: ShapeKind, index: number) => readonly string[];
  readonly dispatch: (action: SceneAction) => void;
}

export function ShapePanel({ draft, classes, matched, problemsOf, dispatch }: ShapePanelProps) {
  const { scene, chosen } = draft;
  const shape = shapeAt(draft, chosen);
  return (
    <>
      <section className="panel" aria-label="Shapes">
        <h3>Shapes</h3>
        {countOf(scene) === 0 && <p className="hint">None yet. Draw a zone to be told who comes and goes there, a line to count who crosses it, a mask where nothing shall count.</p>}
        {HEADINGS.map(([kind, heading]) => (scene[kind]?.length ?? 0) > 0 && (
          <div key={kind} className="shape-list">
            <h4>{heading}</h4>
            <ul>
              {scene[kind]!.map((each: Shape, index: number) => (
                <li key={index}>
                  <button type="button" className="shape-name" data-kind={kind} aria-pressed={chosen?.kind === kind && chosen.index === index} onClick={() => dispatch({ do: 'choose', chosen: { kind, index, point: null } })}>
                    {nameOf(each, kind, index)}
                    {problemsOf(kind, index).length > 0 && <span className="problem"> is not right</span>}
                  </button>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </section>
      {shape && chosen && (
        <section className="panel shape-form" aria-label={`The chosen shape: ${nameOf(shape, chosen.kind, chosen.index)}`}>
          <h3>{nameOf(shape, chosen.kind, chosen.index)}</h3>
          {problemsOf(chosen.kind, chosen.index).map((problem) => <p key={problem} className="problem" role="alert">{problem}</p>)}
          {matched !== null && <p className="matched" role="status"><span className="dot" aria-hidden="true" /> {matched}</p>}
          {chosen.kind !== 'masks' && <TextField label="Name" value={(shape as ZoneConfig).name ?? ''} placeholder={shape.id ?? ''} maxLength={100} onChange={(name) => dispatch({ do: 'change', to: without({ ...shape, name }, name === '' ? 'name' : null) })} />}
          <TextField label="Id, as rules and events name it" value={shape.id ?? ''} maxLength={63} onChange={(id) => dispatch({ do: 'change', to: without({ ...shape, id }, id === '' && chosen.kind === 'masks' ? 'id' : null) })} />
          {chosen.kind === 'lines' && <button type="button" className="button" onClick={() => dispatch({ do: 'change', to: { ...shape as LineConfig, points: (shape as LineConfig).points.toReversed() } })}>Turn around what is "in"</button>}
          {chosen.kind === 'zones' && <NumberField label="Tell who stays so many seconds" value={(shape as ZoneConfig).dwell_s ?? null} min={0.1} max={604_800} onChange={(dwell) => dispatch({ do: 'change', to: dwell === null ? without(shape, 'dwell_s') : { ...shape as ZoneConfig, dwell_s: dwell } })} />}
          {chosen.kind === 'masks' && <Hides mask={shape as MaskConfig} onChange={(to) => dispatch({ do: 'change', to })} />}
          {chosen.kind !== 'masks' && (
            <label className="check"><input type="checkbox" checked={(shape as ZoneConfig).anchor === 'centre'} onChange={({ target }) => dispatch({ do: 'change', to: target.checked ? { ...shape as ZoneConfig, anchor: 'centre' } : without(shape, 'anchor') })} />The camera looks straight down</label>
          )}
          <ClassChoice label={chosen.kind === 'masks' ? 'Hides only' : 'Counts only'} chosen={shape.classes ?? []} classes={classes} onChange={(names) => dispatch({ do: 'change', to: names.length === 0 ? without(shape, 'classes') : { ...shape, classes: [...names] } })} />
          <button type="button" className="button danger" onClick={() => dispatch({ do: 'remove shape' })}>Remove</button>
        </section>
      )}
    </>
  );
}

function Hides({ mask, onChange }: { mask: MaskConfig; onChange: (mask: MaskConfig) => void }) {
  const hides = mask.hides ?? ['motion', 'objects'];
  return (
    <fieldset className="checks">
      <legend>Does not count here</legend>
      {([['motion', 'Motion: trees, a clock in the picture'], ['objects', 'Objects that stand here']] as const).map(([what, words]) => (
        <label key={what} className="check">
          <input
            type="checkbox" checked={hides.includes(what)} disabled={hides.length === 1 && hides[0] === what}
            onChange={({ target }) => onChange({ ...mask, hides: target.checked ? ['motion', 'objects'] : hides.filter((each) => each !== what) })}
          />
          {words}
        </label>
      ))}
    </fieldset>
  );
}

export const countOf = ({ zones = [], lines = [], masks = [] }: SceneConfig): number => zones.length + lines.length + masks.length;

function without<S extends Shape>(shape: S, key: string | null): S {
  return key === null ? shape : Object.fromEntries(Object.entries(shape).filter(([each]) => each !== key)) as S;
}
