// All rules of a camera as the YAML that ruth.yaml would have. What is wrong is told with its line, be it found here or by the server.
import { useState } from 'react';
import { isNode, LineCounter, parseDocument, stringify } from 'yaml';
import type { CameraRule } from '@ruth/protocol';
import { TextArea } from '../controls/fields.tsx';
import type { Failure } from '../system/api.ts';

export interface RulesTextProps { readonly rules: readonly CameraRule[]; readonly failure: Failure | null; readonly busy: boolean; readonly onSave: (rules: readonly CameraRule[]) => void; readonly onClose: () => void }

const EXAMPLE = '# - {id: loitering, when: \'person in zone "door" for 10 s between 22:00 and 06:00 then event "loitering" severity high\'}\n';

export function RulesText({ rules, failure, busy, onSave, onClose }: RulesTextProps) {
  const [text, setText] = useState(() => (rules.length === 0 ? EXAMPLE : stringify(rules, { lineWidth: 0 })));
  const [problem, setProblem] = useState<string | null>(null);
  const save = (): void => {
    const read = readRules(text);
    setProblem(read.problem);
    if (read.rules) onSave(read.rules);
  };
  const told = failure === null ? null : (failure.problems ?? []).length === 0 ? failure.message : failure.problems!.map(({ pointer, message }) => `${placeOf(text, pointer)}: ${message}`).join('\n');
  return (
    <form className="panel rules-text" aria-label="All rules as YAML" onSubmit={(event) => { event.preventDefault(); save(); }}>
      <TextArea label="Rules as YAML" code rows={18} value={text} problem={problem ?? told} hint="The same as under rules: in ruth.yaml, without the camera" onChange={(next) => { setText(next); setProblem(null); }} />
      <div className="actions">
        <button type="submit" className="button primary" disabled={busy}>{busy ? 'Saving' : 'Save all rules'}</button>
        <button type="button" className="button" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}

function readRules(text: string): { readonly rules: readonly CameraRule[] | null; readonly problem: string | null } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const [error] = document.errors;
  if (error) return { rules: null, problem: `Line ${lines.linePos(error.pos[0]).line}: ${error.message}` };
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (value === null) return { rules: [], problem: null };
  return Array.isArray(value) ? { rules: value as CameraRule[], problem: null } : { rules: null, problem: 'Line 1: give a list: each rule begins with "- id: ..."' };
}

/** `/rules/2/when/0` as its line; of the deepest part that stands in the text. */
function placeOf(text: string, pointer: string): string {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'error' });
  const path = pointer.split('/').slice(2).map((key) => (/^\d+$/.test(key) ? Number(key) : key));
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return `Line ${lines.linePos(node.range[0]).line}, ${path.slice(1).join('.')}`;
  }
  return 'The rules';
}
