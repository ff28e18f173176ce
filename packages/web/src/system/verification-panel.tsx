// Whether all that was recorded is still there, byte for byte: looked into at somebody's wish, camera by camera, with what was found and what to do.
import { useState, type FormEvent } from 'react';
import type { CameraStatus, CameraVerification, RecordingFindingKind, Verification, VerificationRequest } from '@ruth/protocol';
import { ClassChoice } from '../controls/fields.tsx';
import { addressOf } from '../view-address.ts';
import { bytesText, clockText, dateText, durationText } from '../wall-clock.ts';
import { failureText, send, type Failure } from './api.ts';
import { usePolled } from './use-polled.ts';
import '../styles/forms.css';

const LOOK_EVERY_MS = 1500;
const STATE_WORDS: Record<Verification['state'], string> = { running: 'Running', done: 'Done', failed: 'Failed', cancelled: 'Cancelled' };
const KIND_WORDS: Record<RecordingFindingKind, string> = {
  missing: 'missing', extra: 'not in the index', truncated: 'cut short', wrong_hash: 'changed', wrong_duration: 'of another length', unplayable: 'do not play', overlaps: 'overlap',
};

export function VerificationPanel({ cameras }: { cameras: readonly CameraStatus[] }) {
  const { value: known, failure } = usePolled<Verification[]>('verifications', LOOK_EVERY_MS);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [decode, setDecode] = useState(false);
  const [refused, setRefused] = useState<Failure | null>(null);
  const isRunning = known?.some(({ state }) => state === 'running') ?? false;
  const begin = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setRefused((await send<Verification>('POST', 'verifications', { ...(chosen.length > 0 ? { cameras: [...chosen] } : {}), ...(decode ? { decode } : {}) } satisfies VerificationRequest)).failure);
  };
  const told = refused ?? failure;
  return (
    <section className="panel" aria-label="Verify recordings">
      <h3>Verify recordings</h3>
      <p className="hint">Each file is compared with what was recorded, byte by byte, while recording goes on. Nothing is changed.</p>
      <form className="fields" aria-label="What shall be verified" onSubmit={(event) => void begin(event)}>
        <ClassChoice label="Cameras" empty="all" chosen={chosen} classes={cameras.map(({ camera_id: id }) => id)} onChange={setChosen} />
        <label className="check"><input type="checkbox" checked={decode} onChange={({ target }) => setDecode(target.checked)} />Decode every picture too, which takes many times as long</label>
        <div className="actions"><button type="submit" className="button" disabled={isRunning}>{isRunning ? 'One runs' : 'Verify'}</button></div>
      </form>
      {told && <p className="problem" role="alert">{failureText(told)}</p>}
      {known && known.length > 0 && <ul className="verifications" aria-label="Verifications">{known.map((one) => <One key={one.verification_id} one={one} cameras={cameras} />)}</ul>}
    </section>
  );
}

function One({ one, cameras }: { one: Verification; cameras: readonly CameraStatus[] }) {
  const { verification_id: id, cameras: wanted, decode, state, began_at: beganAt, ended_at: endedAt, files, files_done: done, results, error } = one;
  const [refused, setRefused] = useState<Failure | null>(null);
  const nameOf = (cameraId: string): string => cameras.find(({ camera_id }) => camera_id === cameraId)?.name ?? cameraId;
  const found = sum(results.map(foundIn));
  const remove = async (): Promise<void> => setRefused((await send<null>('DELETE', `verifications/${encodeURIComponent(id)}`)).failure);
  return (
    <li data-state={state} data-tone={state === 'failed' || found > 0 ? 'bad' : state === 'done' ? 'good' : state === 'running' ? 'warn' : 'unknown'}>
      <div className="panel-head">
        <h4>{wanted === null ? 'All cameras' : wanted.map(nameOf).join(', ')}{decode && ', every picture'} <span className="hint">{dateText(beganAt)}, {clockText(beganAt, { seconds: false })}</span></h4>
        <span className="card-state"><span className="dot" aria-hidden="true" /> {state === 'done' && found > 0 ? 'Not all is whole' : STATE_WORDS[state]}</span>
      </div>
      {state === 'running' && <progress max={Math.max(1, files)} value={files === 0 ? undefined : done} aria-label="How many files are looked into" />}
      <p>{summary(one, found)}{endedAt !== null && <span className="hint"> It took {durationText(endedAt - beganAt)}.</span>}</p>
      {error && <p className="problem" role="alert">{error}</p>}
      {refused && <p className="problem" role="alert">{failureText(refused)}</p>}
      {results.map((result) => <CameraResult key={result.camera_id} result={result} name={nameOf(result.camera_id)} />)}
      <div className="actions">
        {state !== 'running' && files > done && <span className="hint">{filesText(files - done)} not looked into.</span>}
        <button type="button" className="text-button" onClick={() => void remove()}>{state === 'running' ? 'Cancel' : 'Remove from this list'}</button>
      </div>
    </li>
  );
}

function summary({ state, files, files_done: done, results }: Verification, found: number): string {
  const bytes = sum(results.map((result) => result.bytes));
  if (state === 'running') return files === 0 ? 'The files are being counted.' : `${done} of ${files} files.${found > 0 ? ` ${filesText(found)} not as recorded, so far.` : ''}`;
  if (found > 0) return `${found} of ${filesText(done)} ${found === 1 ? 'is' : 'are'} not as recorded.`;
  if (state !== 'done') return done === 0 ? 'No file was looked into.' : 'Nothing wrong was found in what was looked into.';
  return files === 0 ? 'There is no recording.' : `All is as it was recorded: ${filesText(files)}, ${bytesText(bytes)}.`;
}

function CameraResult({ result, name }: { result: CameraVerification; name: string }) {
  const { camera_id: id, files, bytes, open, counts, findings, advice } = result;
  const found = foundIn(result);
  const kinds = Object.entries(counts).filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${KIND_WORDS[kind as RecordingFindingKind] ?? kind}`);
  const looked = `${filesText(files)}, ${bytesText(bytes)}${open > 0 ? `; ${open} being written, not looked into` : ''}`;
  if (found === 0) return <p className="verified" data-tone="good" data-camera-id={id}><span className="dot" aria-hidden="true" /> {name}<span className="hint">: {looked}</span></p>;
  return (
    <details className="verified" data-tone="bad" data-camera-id={id}>
      <summary><span className="dot" aria-hidden="true" /> {name}: {kinds.join(', ')}<span className="hint">; {looked}</span></summary>
      <ul className="advice-list">{advice.map((text) => <li key={text}>{text}</li>)}</ul>
      <ul className="found">
        {findings.map(({ file, kind, start, message }) => (
          <li key={`${kind} ${file}`}>{start === null ? 'At an unknown time' : <a href={addressOf({ name: 'recordings', cameraId: id, atS: start })}>{dateText(start)}, {clockText(start)}</a>}: {message} <code>{file}</code></li>
        ))}
        {found > findings.length && <li>and {found - findings.length} more</li>}
      </ul>
    </details>
  );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const foundIn = ({ counts }: CameraVerification): number => sum(Object.values(counts));
const filesText = (count: number): string => `${count} ${count === 1 ? 'file' : 'files'}`;
