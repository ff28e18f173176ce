// Every model that lies on this node: switched on and off, put back to the version before, taken away.
import { useState } from 'react';
import type { SupervisedModel } from '@ruth/protocol';
import { ConfirmButton } from '../controls/confirm-button.tsx';
import { failureText, send, type Failure } from '../system/api.ts';
import type { Known } from '../system/system-store.ts';

const TONES: Record<SupervisedModel['state'], string> = { starting: 'warn', running: 'good', broken: 'bad', disabled: 'unknown', available: 'unknown' };
/** A successor must be ready first. */
const CHANGE_TIMEOUT_MS = 160_000;

export function InstalledModels({ known: { value, failure } }: { known: Known<readonly SupervisedModel[]> }) {
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<Failure | null>(null);
  const change = async (id: string, path: string | null): Promise<void> => {
    setBusy(id);
    const address = `models/${encodeURIComponent(id)}`;
    const answer = path === null ? await send<null>('DELETE', address, undefined, { timeoutMs: CHANGE_TIMEOUT_MS }) : await send<null>('POST', `${address}/${path}`, {}, { timeoutMs: CHANGE_TIMEOUT_MS });
    setBusy(null);
    setProblem(answer.failure);
  };
  const told = problem ?? failure;
  return (
    <section className="panel" aria-label="Models on this node">
      <h3>On this node</h3>
      {told && <p className="problem" role="alert">{failureText(told)}</p>}
      {value && (
        <div className="table-frame" tabIndex={0} role="group" aria-label="Table of models on this node"><table className="stacks">
          <thead><tr><th scope="col">Model</th><th scope="col">Version</th><th scope="col">State</th><th scope="col">Licence</th><td /></tr></thead>
          <tbody>
            {value.map(({ model_id: id, model_name: name, model_version: version, state, reason, license }) => (
              <tr key={id} data-installed={id} data-tone={TONES[state]}>
                <th scope="row">{name ?? id}</th><td data-label="Version">{version ?? '\u2013'}</td><td><span className="no-wrap"><span className="dot" aria-hidden="true" /> {state}</span>{reason ? `: ${reason}` : ''}</td><td data-label="Licence">{license ?? 'not stated'}</td>
                <td>
                  <div className="row-actions">
                    {busy === id ? <span role="status">Working</span> : (
                      <>
                        {state === 'running' || state === 'starting' || state === 'broken' ? <button type="button" className="text-button" onClick={() => void change(id, 'disable')} aria-label={`Switch off ${id}`}>Switch off</button>
                          : <button type="button" className="text-button" onClick={() => void change(id, 'enable')} aria-label={`Switch on ${id}`}>Switch on</button>}
                        {state === 'running' && <button type="button" className="text-button" onClick={() => void change(id, 'rollback')} aria-label={`Roll back ${id}`} title="Put back the version that served before">Roll back</button>}
                        {state !== 'available' && <ConfirmButton words={`Remove ${id}`} onConfirm={() => void change(id, null)} />}
                      </>
                    )}
                  </div>
                </td>
              </tr>
            ))}
          </tbody>
        </table></div>
      )}
    </section>
  );
}
