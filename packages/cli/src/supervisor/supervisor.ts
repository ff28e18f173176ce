// Runs the processes of a node side by side and ends them in order: those that ask before those that answer.
import type { Logger } from '@ruth/transport';
import { RuthError, type SupervisedProcessStatus } from '@ruth/protocol';
import { ProcessHistory } from './process-history.ts';
import type { ProcessDefinition } from './process-definition.ts';
import { type ProcessObserver, type ProcessState, SupervisedProcess } from './supervised-process.ts';

export interface SupervisorOptions {
  readonly logger: Logger;
  /** Takes each line that a process writes. */
  readonly forward: (name: string, line: string) => void;
}

interface Entry { readonly process: SupervisedProcess; readonly stop: AbortController; readonly ended: Promise<void>; readonly history: ProcessHistory }

export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #entries: Entry[] = [];
  readonly #fatal = Promise.withResolvers<never>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#fatal.promise.catch(() => undefined);
  }

  /** Rejects when a process that Ruth cannot do without can never start. */
  get fatal(): Promise<never> { return this.#fatal.promise; }

  /** Starts a process and keeps it running. Processes end in the reverse order of their start. */
  start(definition: ProcessDefinition): SupervisedProcess {
    const stop = new AbortController();
    const history = new ProcessHistory();
    const observer: ProcessObserver = {
      log: this.#options.forward,
      state: (name, state, details) => {
        history.note(state, details);
        this.#say(name, state, details);
      },
    };
    const process = new SupervisedProcess(definition, observer);
    if (definition.required) {
      process.firstReady.catch((error: unknown) => {
        const cause = RuthError.from(error);
        if (!stop.signal.aborted) this.#fatal.reject(new RuthError(cause.code, `${definition.name} cannot start: ${cause.message}`, { cause }));
      });
    }
    this.#entries.push({ process, stop, ended: process.run(stop.signal), history });
    return process;
  }

  /** Replaces a process while it serves: see `SupervisedProcess.replace`. Throws `not_found` too. */
  async replace(name: string, definition?: ProcessDefinition): Promise<Record<string, unknown>> {
    const process = this.processes.find((one) => one.definition.name === name);
    if (!process) throw new RuthError('not_found', `${name} is no process of this node; there are: ${this.processes.map((one) => one.definition.name).join(', ')}`);
    return process.replace(definition);
  }

  /** Ends a process for good and forgets it. Throws `not_found`. */
  async stop(name: string): Promise<void> {
    const entry = this.#entries.find((one) => one.process.definition.name === name);
    if (!entry) throw new RuthError('not_found', `${name} is no process of this node`);
    entry.stop.abort();
    await entry.ended;
    this.#entries.splice(this.#entries.indexOf(entry), 1);
  }

  statuses(): SupervisedProcessStatus[] { return this.#entries.map(({ process, history }) => history.status(process)); }

  get processes(): readonly SupervisedProcess[] { return this.#entries.map((entry) => entry.process); }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const entry of this.#entries.toReversed()) {
      entry.stop.abort();
      await entry.ended;
    }
  }

  #say(name: string, state: ProcessState, details: Record<string, unknown>): void {
    const { logger } = this.#options;
    const fields = { process: name, state, ...details };
    if (state === 'crash_loop') logger.error(fields, `${name} keeps ending: ${details.reason}`);
    else if (state === 'waiting') logger.warn(fields, `${name} ended: ${details.reason}; it is started again`);
    else if (state === 'not_replaced') logger.error(fields, `${name} stays as it is: ${details.reason}`);
    else logger.info(fields, `${name} ${state}`);
  }
}
