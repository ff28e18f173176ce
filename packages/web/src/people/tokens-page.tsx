// API tokens: one's own, for administrators those of all. A new one is shown this once.
import { useState, type FormEvent } from 'react';
import type { CreatedToken, Permission, SessionInfo, TokenInfo } from '@ruth/protocol';
import { ConfirmButton } from '../controls/confirm-button.tsx';
import { SelectField, TextField } from '../controls/fields.tsx';
import { failureText, send, type Failure } from '../system/api.ts';
import { clockText, dateText } from '../wall-clock.ts';
import { CamerasField, useList } from './parts.tsx';

const DAYS = [['1', 'a day'], ['30', '30 days'], ['90', '90 days'], ['365', 'a year'], ['never', 'for ever']] as const;

export function TokensPage({ session, cameraIds }: { session: SessionInfo; cameraIds: readonly string[] }) {
  const { items, failure, refresh } = useList<TokenInfo>('tokens');
  const [created, setCreated] = useState<CreatedToken | null>(null);
  const [problem, setProblem] = useState<Failure | null>(null);
  const remove = async (id: number): Promise<void> => {
    const answer = await send<null>('DELETE', `tokens/${id}`);
    setProblem(answer.failure);
    if (created?.token_id === id) setCreated(null);
    refresh();
  };
  const told = problem ?? failure;
  return (
    <>
      {told && <p className="problem" role="alert">{failureText(told)}</p>}
      {created && (
        <section className="panel" aria-label="The new token" role="status">
          <h3>{created.name}</h3>
          <p>Copy it now: it is not shown again.</p>
          <p><code className="token">{created.token}</code></p>
        </section>
      )}
      {items?.length === 0 && <p className="hint">No token yet. A program that sends <code>Authorization: Bearer ruth_...</code> may do what its token says.</p>}
      {items && items.length > 0 && (
        <div className="panel table-frame" tabIndex={0} role="group" aria-label="Table of tokens"><table>
          <thead><tr><th scope="col">Token</th><th scope="col">Owner</th><th scope="col">May</th><th scope="col">Cameras</th><th scope="col">Until</th><th scope="col">Last used</th><td /></tr></thead>
          <tbody>
            {items.map((token) => (
              <tr key={token.token_id} data-token={token.name}>
                <th scope="row">{token.name}</th><td>{token.owner}</td><td>{token.scopes.join(', ')}</td><td>{token.cameras === null ? 'all' : token.cameras.join(', ') || 'none'}</td>
                <td>{token.expires_at === null ? 'for ever' : dateText(token.expires_at)}</td><td>{token.last_used_at === null ? 'never' : `${dateText(token.last_used_at)}, ${clockText(token.last_used_at)}`}</td>
                <td><ConfirmButton words={`Remove ${token.name}`} onConfirm={() => void remove(token.token_id)} /></td>
              </tr>
            ))}
          </tbody>
        </table></div>
      )}
      {session.kind === 'person' && <NewToken session={session} cameraIds={cameraIds} onCreated={(token) => { setCreated(token); refresh(); }} />}
    </>
  );
}

function NewToken({ session, cameraIds, onCreated }: { session: SessionInfo; cameraIds: readonly string[]; onCreated: (token: CreatedToken) => void }) {
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<readonly Permission[]>(['view']);
  const [days, setDays] = useState<(typeof DAYS)[number][0]>('90');
  const [cameras, setCameras] = useState<readonly string[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const answer = await send<CreatedToken>('POST', 'tokens', { name, scopes, cameras, expires_in_days: days === 'never' ? null : Number(days) });
    setFailure(answer.failure);
    if (!answer.value) return;
    setName('');
    onCreated(answer.value);
  };
  return (
    <form className="panel" aria-label="New token" onSubmit={(event) => void add(event)}>
      <h3>New token</h3>
      <div className="fields">
        <div className="field-pair">
          <TextField label="Name" value={name} required maxLength={64} hint="What will use it" onChange={setName} />
          <SelectField label="Works for" value={days} choices={DAYS} onChange={setDays} />
        </div>
        <fieldset className="checks">
          <legend>May</legend>
          {session.permissions.map((scope) => <label key={scope} className="check"><input type="checkbox" checked={scopes.includes(scope)} onChange={({ target }) => setScopes(target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))} />{scope}</label>)}
        </fieldset>
        <CamerasField chosen={cameras} cameraIds={cameraIds} onChange={setCameras} />
      </div>
      {failure && <p className="problem" role="alert">{failureText(failure)}</p>}
      <div className="actions"><button type="submit" className="button primary" disabled={scopes.length === 0}>Make the token</button></div>
    </form>
  );
}
