// Models that are fetched and tried: what is being done, step by step, with what it found; each can be cancelled. A licence is shown
// before anything that has one is fetched.
import { useState } from 'react';
import type { ModelJob, ModelJobRequest, SupervisedModel } from '@ruth/protocol';
import { apiAddress, failureText, send, type Failure } from '../system/api.ts';
import { usePolled } from '../system/use-polled.ts';
import { NewModel } from './new-model.tsx';

const JOBS_EVERY_MS = 1500;
const STATE_WORDS: Record<ModelJob['state'], string> = { running: 'Running', done: 'Done', failed: 'Failed', cancelled: 'Cancelled' };
const TONES: Record<ModelJob['state'], string> = { running: 'warn', done: 'good', failed: 'bad', cancelled: 'unknown' };

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

const again = ({ request }: ModelJob): ModelJobRequest => ({ ...request, accept_license: true });

const forget = ({ job_id: id }: ModelJob): void => { void send<null>('DELETE', `model-jobs/${encodeURIComponent(id)}`); };

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
