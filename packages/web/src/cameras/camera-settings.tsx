// What ruth.yaml says of a camera, to be changed while it runs. Its address is told without user and password; a new one is given whole.
import { useState } from 'react';
import type { CameraUpdate, NodeCamera, ProbeReport, SiteInfo, SitePlacing, SitePlacingChange } from '@ruth/protocol';
import { NumberField, SelectField, TextField } from '../controls/fields.tsx';
import { failureText, type Failure } from '../system/api.ts';
import { usePolled } from '../system/use-polled.ts';
import { changeCamera, probeCamera, problemsUnder, urlWith } from './camera-api.ts';
import { PlacingFields } from './placing-fields.tsx';
import { ProbeResult } from './probe-report.tsx';
import { RemoveCamera } from './remove-camera.tsx';

const SITE_EVERY_MS = 10_000;

interface Settings {
  readonly name: string; readonly note: string; readonly transport: 'tcp' | 'udp'; readonly audio: boolean; readonly record: boolean; readonly maxAgeDays: number | null; readonly maxSizeGb: number | null;
  /** Empty: as it is. */
  readonly url: string; readonly user: string; readonly password: string; readonly detectUrl: string;
  /** Of a camera of a site. */
  readonly placing: SitePlacing;
}

const placingOf = ({ require, prefer, cost_cores: cost }: SitePlacing = {}): SitePlacing => ({ ...(require && { require }), ...(prefer && { prefer }), ...(cost === undefined ? {} : { cost_cores: cost }) });

const settingsOf = ({ config: { name, note, transport, audio, recording }, site }: NodeCamera): Settings => ({
  name: name ?? '', note: note ?? '', transport: transport ?? 'tcp', audio: audio ?? true, record: recording?.active ?? true, maxAgeDays: recording?.max_age_days ?? null, maxSizeGb: recording?.max_size_gb ?? null,
  url: '', user: '', password: '', detectUrl: '', placing: placingOf(site),
});

export interface CameraSettingsFormProps { readonly camera: NodeCamera; readonly mayChange: boolean; readonly onChanged: (camera: NodeCamera) => void; readonly onRemoved: () => void }

export function CameraSettingsForm({ camera, mayChange, onChanged, onRemoved }: CameraSettingsFormProps) {
  const { config, managed, site } = camera;
  const [settings, setSettings] = useState(settingsOf(camera));
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const [saved, setSaved] = useState(false);
  const nodes = usePolled<SiteInfo>(site === undefined ? null : 'site', SITE_EVERY_MS).value;
  const change = changeOf(settings, settingsOf(camera));
  const problems = problemsUnder(failure, '');
  const set = (part: Partial<Settings>): void => {
    setSettings({ ...settings, ...part });
    setSaved(false);
  };
  const save = async (): Promise<void> => {
    setBusy(true);
    const answer = await changeCamera(camera, change);
    setBusy(false);
    setFailure(answer.failure);
    if (!answer.value) return;
    setSettings(settingsOf(answer.value));
    setSaved(true);
    onChanged(answer.value);
  };
  return (
    <div className="settings-body">
      <form className="panel" aria-label="Settings" onSubmit={(event) => { event.preventDefault(); void save(); }}>
        {!managed && <p className="hint">This camera was brought along by the command that started the node, and is as that says. Its scene and rules can be changed.</p>}
        {site && <p className="hint">A camera of the site, {site.node === null ? 'at no node at the moment' : site.unplaced ? `last at the node ${site.node}` : `at the node ${site.node} now`}. It stands in no ruth.yaml.</p>}
        {site?.unplaced && <p className="problem">It is recorded nowhere: {site.unplaced}</p>}
        {site?.refused && <p className="problem">Nodes that cannot take it: {site.refused}</p>}
        {site?.credentials === 'clear' && <p className="problem">Its password lies in NATS in the clear: ruth site seal</p>}
        <fieldset className="plain" disabled={!mayChange}>
          <div className="fields">
            <TextField label="Name" value={settings.name} placeholder={config.id} maxLength={100} problem={problems.name ?? null} onChange={(name) => set({ name })} />
            <TextField label="Note, shown beside the camera" value={settings.note} maxLength={500} problem={problems.note ?? null} onChange={(note) => set({ note })} />
            <TextField label="New address" value={settings.url} placeholder={config.url} maxLength={2048} hint={`At present ${config.url}${camera.has_credentials ? ', with user and password' : ''}`} problem={problems.url ?? null} onChange={(url) => set({ url })} />
            {settings.url !== '' && (
              <div className="field-pair">
                <TextField label="User" value={settings.user} maxLength={128} onChange={(user) => set({ user })} />
                <TextField label="Password" type="password" autoComplete="new-password" value={settings.password} maxLength={128} onChange={(password) => set({ password })} />
              </div>
            )}
            <TextField label="Smaller stream for models" value={settings.detectUrl} placeholder={config.detect_url ?? 'none: the models look at the stream above'} maxLength={2048} hint="Saves decoding where the camera has a second stream" problem={problems.detect_url ?? null} onChange={(detectUrl) => set({ detectUrl })} />
            <SelectField label="RTP travels over" value={settings.transport} choices={[['tcp', 'TCP'], ['udp', 'UDP']]} onChange={(transport) => set({ transport })} />
            <label className="check"><input type="checkbox" checked={settings.audio} onChange={({ target }) => set({ audio: target.checked })} />Keep its sound</label>
            <label className="check"><input type="checkbox" checked={settings.record} onChange={({ target }) => set({ record: target.checked })} />Record it, where its node records</label>
            {settings.record && (
              <div className="field-pair">
                <NumberField label="Keep for so many days" hint="As the node does where empty" value={settings.maxAgeDays} min={0.01} max={36_500} onChange={(maxAgeDays) => set({ maxAgeDays })} />
                <NumberField label="At most so many GB" value={settings.maxSizeGb} min={0.01} max={1e7} onChange={(maxSizeGb) => set({ maxSizeGb })} />
              </div>
            )}
          </div>
          {site && (
            <>
              <h3>Where it may be</h3>
              <PlacingFields placing={settings.placing} site={nodes} measured={site.measured_cores ?? null} at={site.unplaced ? null : site.node} onChange={(placing) => set({ placing })} />
            </>
          )}
          {problems[''] && <p className="problem" role="alert">{problems['']}</p>}
          <div className="actions">
            <button type="submit" className="button primary" disabled={busy || Object.keys(change).length === 0}>{busy ? 'Saving' : 'Save'}</button>
            <span role="status">{saved && Object.keys(change).length === 0 ? 'Saved. It counts now.' : ''}</span>
          </div>
        </fieldset>
      </form>
      {mayChange && <Probe cameraId={config.id} />}
      {mayChange && <section className="panel" aria-label="Remove"><h3>Remove</h3><div className="actions"><RemoveCamera id={config.id} name={config.name ?? config.id} onRemoved={onRemoved} /></div></section>}
    </div>
  );
}

function Probe({ cameraId }: { cameraId: string }) {
  const [running, setRunning] = useState<AbortController | null>(null);
  const [report, setReport] = useState<ProbeReport | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const look = async (): Promise<void> => {
    const own = new AbortController();
    setRunning(own);
    const answer = await probeCamera({ camera_id: cameraId }, own.signal);
    setRunning(null);
    setReport(answer.value);
    setFailure(answer.failure?.code === 'cancelled' ? null : answer.failure);
  };
  return (
    <section className="panel" aria-label="Probe">
      <div className="panel-head"><h3>What it sends</h3>{running ? <button type="button" className="button" onClick={() => running.abort()}>Stop</button> : <button type="button" className="button" onClick={() => void look()}>Look</button>}</div>
      <p className="hint" role="status">{running ? 'Looking at the camera for some seconds' : 'Opens a second connection to the camera, measures, and says what could be set better.'}</p>
      {failure && <p className="problem" role="alert">{failureText(failure)}</p>}
      {report && <ProbeResult report={report} />}
    </section>
  );
}

function changeOf(now: Settings, before: Settings): CameraUpdate {
  const recording = {
    ...(now.record === before.record ? {} : { active: now.record }),
    ...(now.maxAgeDays === before.maxAgeDays || now.maxAgeDays === null ? {} : { max_age_days: now.maxAgeDays }), ...(now.maxSizeGb === before.maxSizeGb || now.maxSizeGb === null ? {} : { max_size_gb: now.maxSizeGb }),
  };
  const placing = placingChangeOf(now.placing, before.placing);
  return {
    ...(now.name === before.name ? {} : { name: now.name || null }), ...(now.note === before.note ? {} : { note: now.note || null }), ...(now.url.trim() === '' ? {} : { url: urlWith(now.url, now.user, now.password) }),
    ...(now.detectUrl.trim() === '' ? {} : { detect_url: now.detectUrl.trim() }), ...(now.transport === before.transport ? {} : { transport: now.transport }), ...(now.audio === before.audio ? {} : { audio: now.audio }),
    ...(Object.keys(recording).length === 0 ? {} : { recording }), ...(Object.keys(placing).length === 0 ? {} : { site: placing }),
  };
}

function placingChangeOf(now: SitePlacing, before: SitePlacing): SitePlacingChange {
  const isSame = (one: object | undefined, other: object | undefined): boolean => JSON.stringify(Object.entries(one ?? {}).toSorted()) === JSON.stringify(Object.entries(other ?? {}).toSorted());
  return {
    ...(isSame(now.require, before.require) ? {} : { require: now.require ?? null }), ...(isSame(now.prefer, before.prefer) ? {} : { prefer: now.prefer ?? null }),
    ...(now.cost_cores === before.cost_cores ? {} : { cost_cores: now.cost_cores ?? null }),
  };
}
