// The process of core that understands a clip, asked line by line.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ERRORS, ReplayAnswer, RuthError, validator, type ErrorCode, type ReplayLine } from '@ruth/protocol';
import { endChild } from '../onboarding/guarded-child.ts';
import { entryOf } from '../supervisor/definitions.ts';

const replayAnswer = validator(ReplayAnswer);

export class Understander implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #exit: Promise<unknown>;

  constructor(signal: AbortSignal) {
    this.#child = spawn(process.execPath, [entryOf('@ruth/core', 'replay-main.ts')], { stdio: ['pipe', 'pipe', 'inherit'], signal });
    this.#child.on('error', () => undefined);
    this.#child.stdin!.on('error', () => undefined);
    this.#exit = once(this.#child, 'exit').catch(() => undefined);
    this.#answers = createInterface(this.#child.stdout!)[Symbol.asyncIterator]();
  }

  /** One question at a time. Throws what the process answers. */
  async ask(line: ReplayLine): Promise<ReplayAnswer> {
    this.#child.stdin!.write(`${JSON.stringify(line)}\n`);
    const next = await this.#answers.next();
    if (next.done) throw new RuthError('internal', 'the process that understands the clip ended by itself');
    const answer = replayAnswer.parse(JSON.parse(next.value), 'internal');
    if (answer.error !== undefined) throw new RuthError((answer.error_code ?? 'internal') in ERRORS ? answer.error_code as ErrorCode : 'internal', answer.error);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    await endChild(this.#child);
    await this.#exit;
  }
}
