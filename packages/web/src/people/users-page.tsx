// The people: added, their role and cameras changed, deactivated, removed. A password that is set here works once.
import { useState, type FormEvent } from 'react';
import { ROLES, type Role, type UserChange, type UserInfo } from '@ruth/protocol';
import { ConfirmButton } from '../controls/confirm-button.tsx';
import { SelectField, TextField } from '../controls/fields.tsx';
import { failureText, send, type Failure } from '../system/api.ts';
import { dateText } from '../wall-clock.ts';
import { CamerasField, useList } from './parts.tsx';

const ROLE_WORDS: Record<Role, string> = { viewer: 'Viewer: sees', operator: 'Operator: exports, writes rules', admin: 'Admin: everything' };
const ROLE_CHOICES = ROLES.map((role) => [role, ROLE_WORDS[role]] as const);

export function UsersPage({ own, cameraIds }: { own: string; cameraIds: readonly string[] }) {
  const { items, failure, refresh } = useList<UserInfo>('users');
  const [problem, setProblem] = useState<Failure | null>(null);
  const change = async (name: string, to: UserChange): Promise<void> => {
    const answer = await send<UserInfo>('PATCH', `users/${encodeURIComponent(name)}`, to);
    setProblem(answer.failure);
    refresh();
  };
  const remove = async (name: string): Promise<void> => {
    const answer = await send<null>('DELETE', `users/${encodeURIComponent(name)}`);
    setProblem(answer.failure);
    refresh();
  };
  const told = problem ?? failure;
  return (
    <>
      {told && <p className="problem" role="alert">{failureText(told)}</p>}
      <ul className="cards" aria-label="People">
        {(items ?? []).map(({ name, role, cameras, active, created_at }) => (
          <li key={name} className="panel card" data-user={name} data-tone={active ? 'good' : 'unknown'}>
            <h3><span className="dot" aria-hidden="true" />{name}<span className="card-state">{active ? '' : 'Deactivated'}</span></h3>
            <p className="hint">Since {dateText(created_at)}{name === own ? ', that is you' : ''}</p>
            <SelectField label="Role" value={role} choices={ROLE_CHOICES} onChange={(to) => void change(name, { role: to })} />
            <CamerasField chosen={cameras} cameraIds={cameraIds} onChange={(to) => void change(name, { cameras: to })} />
            <div className="card-actions">
              <button type="button" className="text-button" onClick={() => void change(name, { active: !active })}>{active ? 'Deactivate' : 'Activate'}</button>
              {name !== own && <ConfirmButton words={`Remove ${name}`} onConfirm={() => void remove(name)} />}
            </div>
          </li>
        ))}
      </ul>
      <NewUser cameraIds={cameraIds} onAdded={refresh} />
    </>
  );
}

function NewUser({ cameraIds, onAdded }: { cameraIds: readonly string[]; onAdded: () => void }) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [cameras, setCameras] = useState<readonly string[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const answer = await send<UserInfo>('POST', 'users', { name, role, password, cameras });
    setFailure(answer.failure);
    if (answer.failure) return;
    setName('');
    setPassword('');
    onAdded();
  };
  return (
    <form className="panel" aria-label="New person" onSubmit={(event) => void add(event)}>
      <h3>New person</h3>
      <div className="fields">
        <div className="field-pair">
          <TextField label="Name" value={name} required maxLength={63} onChange={setName} />
          <TextField label="Password, works once" type="password" autoComplete="new-password" value={password} required maxLength={256} hint="At least 10 characters; they choose another when they sign in" onChange={setPassword} />
        </div>
        <SelectField label="Role" value={role} choices={ROLE_CHOICES} onChange={setRole} />
        <CamerasField chosen={cameras} cameraIds={cameraIds} onChange={setCameras} />
      </div>
      {failure && <p className="problem" role="alert">{failureText(failure)}</p>}
      <div className="actions"><button type="submit" className="button primary">Add</button></div>
    </form>
  );
}
