// Models that are tried while the node runs: `ruth model add` and `swap`, in a process of their own with the limits that those have, so that a
// model that nobody has vouched for can take nothing of the node with it. One at a time; the last ones are remembered with what came of them.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ProgressLine, RuthError, validator, type ModelJob, type ModelJobRequest, type ModelJobStep, type OfferedModel, type Validator } from '@ruth/protocol';
import { readRecipe, recipeNames } from '../onboarding/model-recipe.ts';
import type { ModelUploads } from './model-uploads.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const MOST_REMEMBERED = 20;
const MOST_ANSWER_CHARACTERS = 4 << 20;
const MOST_STEPS = 64;
const KILL_AFTER_MS = 5000;
const progressLine: Validator<ProgressLine> = validator(ProgressLine);

interface Running { readonly job: { -readonly [K in keyof ModelJob]: ModelJob[K] }; readonly child: ChildProcess; readonly ended: Promise<void>; picture: string | null }

export class ModelJobs implements AsyncDisposable {
  readonly #settingsFile: string;
  readonly #uploads: ModelUploads | null;
  readonly #jobs = new Map<string, Running>();
  /** Pictures of what was seen, and class names. */
  readonly #files = mkdtempSync(join(tmpdir(), 'ruth-model-jobs-'));

  /** `settingsFile`: ruth.yaml, or where it would be. `uploads`: files that a job may name. */
  constructor(settingsFile: string, uploads: ModelUploads | null = null) {
    this.#settingsFile = settingsFile;
    this.#uploads = uploads;
  }

  /** Newest first. */
  list(): ModelJob[] { return [...this.#jobs.values()].map(({ job }) => job).toReversed(); }

  /** Throws `not_found`. */
  get(id: string): ModelJob { return this.#find(id).job; }

  /** Path of a JPEG. Throws `not_found`. */
  picture(id: string): string {
    const { picture } = this.#find(id);
    if (picture === null || !existsSync(picture)) throw new RuthError('not_found', `job ${id} has no picture`);
    return picture;
  }

  /** Throws `invalid_state` while another runs, `bad_request`, `not_found` for an upload that is gone. A file that was sent goes when its job has ended, whatever came of it. */
  start(request: ModelJobRequest): ModelJob {
    const { kind, model_id: modelId } = request;
    if (kind !== 'add' && modelId === undefined) throw new RuthError('bad_request', `model_id must name the model to ${kind}`);
    const other = [...this.#jobs.values()].find(({ job }) => job.state === 'running');
    if (other) throw new RuthError('invalid_state', `${other.job.source} is being tried; wait for it, or cancel job ${other.job.job_id}`);
    const uploadId = /^upload:(.+)$/.exec(request.source)?.[1];
    const upload = uploadId === undefined ? null : this.#used(uploadId);
    const source = upload?.fileName ?? request.source;
    const id = randomUUID();
    const picture = join(this.#files, `${id}.jpg`);
    const names = request.names === undefined ? null : join(this.#files, `${id}.names`);
    if (names !== null) writeFileSync(names, `${request.names!.join('\n')}\n`);
    const child = spawn(process.execPath, ['--single-threaded-gc', MAIN, 'model', ...this.#arguments({ ...request, source: upload?.path ?? source }, picture, names)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const job: Running['job'] = {
      job_id: id, kind, source, model_id: modelId ?? null, request, state: 'running', began_at: Date.now() / 1000, ended_at: null, steps: [], license: null, result: null, error: null, error_code: null, has_picture: false,
    };
    const running: Running = { job, child, picture: kind === 'shadow' ? picture : null, ended: this.#follow(job, child, () => running).finally(() => { if (uploadId !== undefined) this.#uploads!.remove(uploadId); }) };
    this.#jobs.set(id, running);
    for (const old of [...this.#jobs.keys()].slice(0, -MOST_REMEMBERED)) this.#forget(old);
    return job;
  }

  /** Nothing is changed by a job that is cancelled. One that has ended is forgotten. Throws `not_found`. */
  async cancel(id: string): Promise<void> {
    const running = this.#find(id);
    if (running.job.state !== 'running') return this.#forget(id);
    running.job.state = 'cancelled';
    running.child.kill('SIGTERM');
    const kill = setTimeout(() => running.child.kill('SIGKILL'), KILL_AFTER_MS);
    await running.ended;
    clearTimeout(kill);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#jobs.values()].filter(({ job }) => job.state === 'running').map(({ job }) => this.cancel(job.job_id)));
    rmSync(this.#files, { recursive: true, force: true });
  }

  #arguments({ kind, source, model_id: id, format, sha256, accept_license: accept, compare_s: seconds }: ModelJobRequest, picture: string, names: string | null): string[] {
    return [
      ...(kind === 'add' ? ['add', ...(id === undefined ? [] : ['--id', id])] : ['swap']), '--json', '--progress', '-c', this.#settingsFile,
      ...(format === undefined ? [] : ['--format', format]), ...(names === null ? [] : ['--names', names]), ...(sha256 === undefined ? [] : ['--sha256', sha256]), ...(accept === true ? ['--accept-license'] : []),
      ...(kind === 'shadow' ? ['--shadow', '--picture', picture, ...(seconds === undefined ? [] : ['--for', String(seconds)])] : []),
      // What comes after is no option, whatever it looks like.
      '--', ...(kind === 'add' ? [] : [id!]), source,
    ];
  }

  async #follow(job: Running['job'], child: ChildProcess, running: () => Running): Promise<void> {
    let answer = '';
    let lastWords = '';
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => { if (answer.length < MOST_ANSWER_CHARACTERS) answer += chunk; });
    createInterface({ input: child.stderr! }).on('line', (line) => {
      const said = parsed(line);
      if (!progressLine.check(said)) lastWords = line.slice(0, 500) || lastWords;
      else if ('step' in said) noteStep(job.steps, said.step);
      else if ('license' in said) job.license = said.license;
      else Object.assign(job, said);
    });
    const code = await new Promise<number | null>((resolve) => { child.on('close', resolve).on('error', () => resolve(null)); });
    job.ended_at = Date.now() / 1000;
    if (job.state === 'cancelled') return;
    const result = code === 0 ? parsed(answer) : null;
    if (typeof result === 'object' && result !== null) {
      const { picture, ...rest } = result as Record<string, unknown>;
      job.result = rest;
      job.model_id ??= typeof rest.model_id === 'string' ? rest.model_id : null;
      job.state = 'done';
      if (typeof picture === 'string') running().picture = picture;
      job.has_picture = running().picture !== null;
      return;
    }
    job.state = 'failed';
    job.error ??= lastWords || `it ended with ${code}`;
    job.error_code ??= 'internal';
  }

  #used(id: string): ReturnType<ModelUploads['use']> {
    if (!this.#uploads) throw new RuthError('not_found', `there is no upload ${id}`);
    return this.#uploads.use(id);
  }

  #find(id: string): Running {
    const running = this.#jobs.get(id);
    if (!running) throw new RuthError('not_found', `there is no job ${id}`);
    return running;
  }

  #forget(id: string): void {
    this.#jobs.delete(id);
    for (const extension of ['jpg', 'names']) rmSync(join(this.#files, `${id}.${extension}`), { force: true });
  }
}

/** The recipes, as far as they can be read. */
export function offeredModels(): OfferedModel[] {
  return recipeNames().flatMap((name) => {
    const recipe = readRecipe(name);
    if (!recipe) return [];
    const { model_id, model_name, license, license_note, author, description, expect, source } = recipe;
    return [{ recipe: name, model_id, model_name, license, license_note: license_note ?? null, author, description, expect, published: !('commands' in source) }];
  });
}

/** A step is told again and again until it is done. */
function noteStep(steps: ModelJobStep[], step: ModelJobStep): void {
  const last = steps.at(-1);
  if (last?.title === step.title && !last.done) steps[steps.length - 1] = step;
  else if (steps.length < MOST_STEPS) steps.push(step);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
