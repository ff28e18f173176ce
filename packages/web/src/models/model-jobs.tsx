// Models that are fetched and tried: what is being done, step by step, with what it found; each can be cancelled. A licence is shown
// before anything that has one is fetched.
import { useState, type FormEvent } from 'react';
import type { ModelJob, ModelJobRequest, OfferedModel, SupervisedModel } from '@ruth/protocol';
import { SelectField, TextField } from '../controls/fields.tsx';
import { apiAddress, failureText, send, type Failure } from '../system/api.ts';
import { usePolled } from '../system/use-polled.ts';

const JOBS_EVERY_MS = 1500;
const OFFERED_EVERY_MS = 600_000;
const KINDS = [['add', 'Add it as a new model'], ['swap', 'Put it in the place of one that runs'], ['shadow', 'Compare it with one that runs, change nothing']] as const;
const STATE_WORDS: Record<ModelJob['state'], string> = { running: 'Running', done: 'Done', failed: 'Failed', cancelled: 'Cancelled' };
const TONES: Record<ModelJob['state'], string> = { running: 'warn', done: 'good', failed: 'bad', cancelled: 'unknown' };
const OTHER = '';

export function ModelJobs({ installed }: { installed: readonly SupervisedModel[] }) {
  const { value: jobs, failure } = usePolled<ModelJob[]>('model-jobs', JOBS_EVERY_MS);
  const [problem, setProblem] = useState<Failure | null>(null);
  const begin = async (request: ModelJobRequest): Promise<boolean> => {
    const answer = await send<ModelJob>('POST', 'model-jobs', request);
    setProblem(answer.failure);
    return answer.value !== null;
  };
  const told = problem ?? failure;
  return (
    <>
      <NewModel installed={installed} onBegin={begin} />
      {told && <p className="problem" role="alert">{failureText(told)}</p>}
      {jobs && jobs.length > 0 && <ul className="model-jobs" aria-label="Models that are tried">{jobs.map((job) => <Job key={job.job_id} job={job} onAccept={() => void begin(again(job)).then((begun) => { if (begun) forget(job); })} />)}</ul>}
    </>
  );
}

const again = ({ kind, source, model_id: id }: ModelJob): ModelJobRequest => ({ kind, source, ...(id === null ? {} : { model_id: id }), accept_license: true });

const forget = ({ job_id: id }: ModelJob): void => { void send<null>('DELETE', `model-jobs/${encodeURIComponent(id)}`); };

function NewModel({ installed, onBegin }: { installed: readonly SupervisedModel[]; onBegin: (request: ModelJobRequest) => Promise<boolean> }) {
  const { value: offered } = usePolled<OfferedModel[]>('models/offered', OFFERED_EVERY_MS);
  const running = installed.filter(({ state }) => state === 'running').map(({ model_id, model_name }) => [model_id, model_name ?? model_id] as const);
  const [recipe, setRecipe] = useState(OTHER);
  const [source, setSource] = useState('');
  const [sha256, setSha256] = useState('');
  const [kind, setKind] = useState<ModelJobRequest['kind']>('add');
  const [target, setTarget] = useState('');
  const chosen = offered?.find((each) => each.recipe === recipe) ?? null;
  const from = chosen?.recipe ?? source.trim();
  const begin = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const id = kind === 'add' ? null : target || running[0]?.[0];
    if (await onBegin({ kind, source: from, ...(id ? { model_id: id } : {}), ...(chosen || sha256 === '' ? {} : { sha256 }) })) setSource('');
  };
  return (
    <form className="panel" aria-label="Add a model" onSubmit={(event) => void begin(event)}>
      <h3>Add a model</h3>
      <div className="fields">
        <SelectField label="Model" value={recipe} choices={[[OTHER, 'By address'], ...(offered ?? []).map(({ recipe: each, model_name: name, license }) => [each, `${name} (${license})`] as const)]} onChange={setRecipe} />
        {chosen ? (
          <p className="hint">{chosen.description} {chosen.expect} By {chosen.author}. Licence: {chosen.license}{chosen.license_note ? `. ${chosen.license_note}` : ''}{chosen.published ? '' : ' Nobody publishes it as ONNX: the job says which commands make it.'}</p>
        ) : (
          <div className="field-pair">
            <TextField label="Address of an ONNX file, or npm:package/file" value={source} required maxLength={2048} placeholder="https://example.org/model.onnx" onChange={setSource} />
            <TextField label="SHA-256 of the file" value={sha256} maxLength={64} hint="As its author states it; none where there is none" onChange={setSha256} />
          </div>
        )}
        <SelectField label="What for" value={kind} choices={KINDS} onChange={setKind} />
        {kind !== 'add' && <SelectField label="The model that runs" value={target || (running[0]?.[0] ?? '')} choices={running} onChange={setTarget} />}
      </div>
      <div className="actions"><button type="submit" className="button primary" disabled={from === ''}>Fetch and try it</button></div>
    </form>
  );
}

function Job({ job, onAccept }: { job: ModelJob; onAccept: () => void }) {
  const { job_id: id, kind, source, model_id: model, state, steps, license, error, error_code: code, has_picture: hasPicture } = job;
  const isRunning = state === 'running';
  // Nothing is fetched before its licence was accepted: the job stopped itself there.
  const needsAcceptance = state === 'failed' && license !== null && code === 'cancelled';
  return (
    <li className="panel" data-job-state={state} data-tone={needsAcceptance ? 'warn' : TONES[state]}>
      <div className="panel-head">
        <h3>{kind}: {model ?? source}</h3>
        <span className="card-state"><span className="dot" aria-hidden="true" /> {needsAcceptance ? 'Its licence is to be accepted' : STATE_WORDS[state]}</span>
      </div>
      <ol className="job-steps">{steps.map(({ title, text, done, seconds }) => <li key={title} data-done={done}>{title}: {text} <span className="hint">{seconds.toFixed(0)} s</span></li>)}</ol>
      {isRunning && <progress aria-label={`Progress of ${model ?? source}`} />}
      {license && <p className="hint">Licence of {license.of}: {license.license}{license.note ? `. ${license.note}` : ''}</p>}
      {error && !needsAcceptance && <p className="problem" role="alert">{error}</p>}
      {hasPicture && <img className="job-picture" alt={`What ${model ?? source} saw in trial pictures`} src={`${apiAddress(`model-jobs/${encodeURIComponent(id)}/picture.jpg`)}?of=${state}`} />}
      <div className="actions">
        {needsAcceptance && <button type="button" className="button primary" onClick={onAccept}>I have read the licence and accept it</button>}
        <button type="button" className="text-button" onClick={() => forget(job)}>{isRunning ? 'Cancel' : 'Remove from this list'}</button>
      </div>
    </li>
  );
}
