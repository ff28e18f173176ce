// Who saw, changed and exported what, newest first.
import { useEffect, useState } from 'react';
import type { AuditEntry } from '@ruth/protocol';
import { SelectField, TextField } from '../controls/fields.tsx';
import { ask, failureText, type Failure } from '../system/api.ts';
import { clockText, dateText } from '../wall-clock.ts';

const PAGE = 100;
const SETTLE_MS = 300;

export function AuditPage({ cameraIds }: { cameraIds: readonly string[] }) {
  const [actor, setActor] = useState('');
  const [camera, setCamera] = useState('');
  const [entries, setEntries] = useState<readonly AuditEntry[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [more, setMore] = useState(false);
  const load = async (before: number | null, isWanted: () => boolean): Promise<void> => {
    const query = new URLSearchParams([['limit', String(PAGE)], ...(actor === '' ? [] : [['actor', actor]]), ...(camera === '' ? [] : [['camera', camera]]), ...(before === null ? [] : [['before', String(before)]])]);
    const answer = await ask<AuditEntry[]>(`audit?${query}`);
    if (!isWanted()) return;
    setFailure(answer.failure);
    if (!answer.value) return;
    setEntries((known) => (before === null ? answer.value : [...known ?? [], ...answer.value]));
    setMore(answer.value.length === PAGE);
  };
  useEffect(() => {
    let ended = false;
    const timer = setTimeout(() => void load(null, () => !ended), SETTLE_MS);
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [actor, camera]);
  return (
    <section className="panel" aria-label="Audit log">
      <div className="field-pair">
        <TextField label="By" value={actor} placeholder="everybody" maxLength={128} onChange={setActor} />
        <SelectField label="Camera" value={camera} choices={[['', 'All'], ...cameraIds.map((id) => [id, id] as const)]} onChange={setCamera} />
      </div>
      {failure && <p className="problem" role="alert">{failureText(failure)}</p>}
      {entries?.length === 0 && <p className="hint">Nothing of this kind was noted.</p>}
      {entries && entries.length > 0 && (
        <div className="table-frame" tabIndex={0} role="group" aria-label="Table of what was done"><table className="audit stacks">
          <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Camera</th><th scope="col">More</th><th scope="col">From</th></tr></thead>
          <tbody>{entries.map(({ entry_id, at, actor: who, action, camera_id, detail, address }) => <tr key={entry_id}><td className="no-wrap">{dateText(at)}, {clockText(at)}</td><td>{who}</td><td>{action}</td><td>{camera_id ?? ''}</td><td>{detailText(detail)}</td><td>{address}</td></tr>)}</tbody>
        </table></div>
      )}
      {more && <div className="actions"><button type="button" className="button" onClick={() => void load(entries!.at(-1)!.entry_id, () => true)}>Older</button></div>}
    </section>
  );
}

/** Instants are told as elsewhere on the page. */
function detailText(detail: string | null): string {
  return (detail ?? '').replaceAll(/\b(start|end|at)=(\d{9,11}(?:\.\d+)?)/g, (_, name: string, atS: string) => `${name} ${dateText(Number(atS))}, ${clockText(Number(atS))}`);
}
