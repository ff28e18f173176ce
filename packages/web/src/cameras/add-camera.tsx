// A new camera: its address, what it was found to send, then its name. Nothing is saved before it was looked at, or that was waived.
import { useEffect, useRef, useState } from 'react';
import type { CameraConfig, ProbeReport, SiteInfo, SitePlacing } from '@ruth/protocol';
import { SelectField, TextField } from '../controls/fields.tsx';
import type { Failure } from '../system/api.ts';
import { usePolled } from '../system/use-polled.ts';
import { addressOf } from '../view-address.ts';
import { addCamera, idOfName, probeCamera, problemsUnder, urlWith } from './camera-api.ts';
import { CameraSearch } from './camera-search.tsx';
import { PlacingFields } from './placing-fields.tsx';
import { ProbeResult } from './probe-report.tsx';

type Probe = { readonly state: 'none' | 'running' } | { readonly state: 'failed'; readonly failure: Failure } | { readonly state: 'done'; readonly report: ProbeReport };

const SITE_EVERY_MS = 10_000;

export interface AddCameraProps {
  /** Ids of the cameras that there are. */
  readonly taken: readonly string[];
  readonly onAdded: (cameraId: string) => void;
  /** Without the way back and to the new camera: as a part of something larger. */
  readonly embedded?: boolean;
}

export function AddCamera({ taken, onAdded, embedded = false }: AddCameraProps) {
  const [address, setAddress] = useState('');
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [name, setName] = useState('');
  const [chosenId, setChosenId] = useState<string | null>(null);
  const site = usePolled<SiteInfo>('site', SITE_EVERY_MS).value;
  const [place, setPlace] = useState<'node' | 'site'>('node');
  const [placing, setPlacing] = useState<SitePlacing>({});
  const [probe, setProbe] = useState<Probe>({ state: 'none' });
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);
  const id = chosenId ?? idOfName(name, taken);
  const url = urlWith(address, user, password);
  const problems = problemsUnder(failure, '');
  const change = <T,>(set: (value: T) => void) => (value: T): void => {
    set(value);
    running.current?.abort();
    setProbe({ state: 'none' });
    setFailure(null);
  };
  const look = async (): Promise<void> => {
    const own = running.current = new AbortController();
    setProbe({ state: 'running' });
    const answer = await probeCamera({ url, ...(place === 'site' ? { site: placing } : {}) }, own.signal);
    if (own.signal.aborted) return;
    setProbe(answer.value ? { state: 'done', report: answer.value } : { state: 'failed', failure: answer.failure });
  };
  const save = async (): Promise<void> => {
    setBusy(true);
    const transport = probe.state === 'done' && probe.report.transport === 'udp' ? { transport: 'udp' } satisfies Partial<CameraConfig> : {};
    const answer = await addCamera({ id, url, ...(name.trim() === '' ? {} : { name: name.trim() }), ...transport, ...(place === 'site' ? { site: placing } : {}) });
    setBusy(false);
    setFailure(answer.failure);
    if (answer.failure) return;
    onAdded(id);
    if (!embedded) location.hash = addressOf({ name: 'cameras', cameraId: id, page: 'scene' });
  };
  const looked = probe.state === 'done' || probe.state === 'failed';
  const form = (
    <form className="add-camera" aria-label="New camera" onSubmit={(event) => { event.preventDefault(); void (looked ? save() : look()); }}>
      {site !== null && site.nodes.length > 1 && (
        <section className="panel" aria-label="Where it is">
          <h3>Where it is</h3>
          <SelectField label="Recorded by" hint={place === 'site' ? 'Another node takes it where the one that has it fails' : 'Where this node fails, it is not recorded'} value={place} onChange={change(setPlace)} choices={[['node', `This node (${site.node})`], ['site', 'The site decides']]} />
          {place === 'site' && <PlacingFields placing={placing} site={site} onChange={change(setPlacing)} />}
        </section>
      )}
      <section className="panel" aria-label="Address">
        <h3>Address</h3>
        <div className="fields">
          <TextField label="Address of its stream" value={address} required placeholder="rtsp://192.168.1.20/stream1" maxLength={2048} hint="As the camera's manual or its page says" problem={problems.url ?? null} onChange={change(setAddress)} />
          <div className="field-pair">
            <TextField label="User" value={user} maxLength={128} onChange={change(setUser)} />
            <TextField label="Password" type="password" autoComplete="new-password" value={password} maxLength={128} onChange={change(setPassword)} />
          </div>
        </div>
        <div className="actions">
          {probe.state === 'running' ? <button type="button" className="button" onClick={() => { running.current?.abort(); setProbe({ state: 'none' }); }}>Stop looking</button>
            : <button type={looked ? 'button' : 'submit'} className={looked ? 'button' : 'button primary'} disabled={address.trim() === ''} onClick={looked ? () => void look() : undefined}>{looked ? 'Look again' : 'Look at the camera'}</button>}
        </div>
        <div role="status" aria-live="polite">
          {probe.state === 'running' && <p className="hint"><span className="spinner small" aria-hidden="true" /> Looking at the camera for some seconds{place === 'site' ? ', from a node that may have it' : ''}</p>}
          {probe.state === 'failed' && <p className="problem">{probe.failure.message}{probe.failure.advice && probe.failure.code !== 'forbidden' && <span className="hint"> {probe.failure.advice}</span>}</p>}
        </div>
        {probe.state === 'done' && <ProbeResult report={probe.report} />}
      </section>
      {looked && (
        <section className="panel" aria-label="Name">
          <h3>Name</h3>
          <div className="fields">
            <TextField label="Name" value={name} maxLength={100} placeholder="Front door" problem={problems.name ?? null} onChange={setName} />
            <TextField label="Id, in paths, rules and events" value={id} maxLength={63} problem={problems.id ?? null} onChange={(next) => setChosenId(next === '' ? null : next)} />
          </div>
          {problems[''] && <p className="problem" role="alert">{problems['']}</p>}
          <div className="actions"><button type="submit" className="button primary" disabled={busy}>{busy ? 'Adding' : probe.state === 'failed' ? 'Add it nevertheless' : 'Add the camera'}</button></div>
        </section>
      )}
    </form>
  );
  const search = <CameraSearch user={user} password={password} onTake={({ url: found, name: called }) => { change(setAddress)(found); if (called && name === '') setName(called); }} />;
  if (embedded) return <>{form}{search}</>;
  return (
    <main className="page-view">
      <div className="view-head">
        <a className="button" href={addressOf({ name: 'cameras', cameraId: null, page: 'list' })}>{'\u2039'} All cameras</a>
        <h2 className="view-title">Add a camera</h2>
      </div>
      <div className="add-camera-body">{form}{search}</div>
    </main>
  );
}
