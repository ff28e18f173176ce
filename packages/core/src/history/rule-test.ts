// Tries rules on looks that were kept, in a process of its own that is not in anybody's way: it gets the bytes of the entries as they are,
// stands behind whoever else wants the CPU, and has a limit of time and of memory.
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ERRORS, ErrorBody, meaningProblem, RuleTest, RuthError, validator, type ErrorCode, type RuleConfig, type RuleTestRequest, type SceneConfig } from '@ruth/protocol';
import type { Camera } from '../camera.ts';
import type { EntryNames } from './look-entries.ts';
import type { KeptModel } from './look-history.ts';

const ENTRY = new URL('../rule-test-main.ts', import.meta.url).pathname;
/** On a machine that is busy it gets a tenth of what others get: a second of computing still fits in. */
const LIMIT_MS = 50_000;
const MEMORY_MB = 256;
const MOST_ANSWER_CHARACTERS = 8 << 20;
/** At once, over all cameras. */
const MOST_TESTS = 2;
/** Unless told. */
const TESTED_S = 3600;
const ruleTest = validator(RuleTest);
const errorBody = validator(ErrorBody);

/** The first line that the process is told; the bytes of the entries follow. */
export interface RuleTestHead {
  readonly cameraId: string;
  readonly scene: SceneConfig;
  readonly rules: readonly RuleConfig[];
  /** UTC, seconds, as all times here. */
  readonly start: number;
  readonly end: number;
  readonly names: EntryNames;
  readonly models: Readonly<Record<string, KeptModel>>;
  readonly keptSince: number | null;
}

/** What the rules are tried at. `scene` is that which the camera has. */
export interface TestedCamera { readonly camera: Pick<Camera, 'id' | 'keptLooks' | 'describe'>; readonly scene: SceneConfig; readonly timeZone: string | null; readonly nowS: number }

export class RuleTests {
  readonly #limitMs: number;
  #running = 0;

  constructor({ limitMs = LIMIT_MS } = {}) { this.#limitMs = limitMs; }

  /** Throws `bad_request`, `overloaded`, `timeout`, `cancelled` where the signal aborts, `internal`. */
  async run({ rules, scene, start, end }: RuleTestRequest, at: TestedCamera, signal: AbortSignal): Promise<RuleTest> {
    const meaning = { scene: scene ?? at.scene, rules };
    const wrong = meaningProblem(meaning);
    if (wrong) throw new RuthError('bad_request', `${wrong.path.join('.')}: ${wrong.message}`);
    const to = Math.min(end ?? Infinity, at.nowS);
    const from = start ?? to - TESTED_S;
    if (from >= to) throw new RuthError('bad_request', 'start must be before end, and before now');
    if (this.#running >= MOST_TESTS) throw new RuthError('overloaded', `${MOST_TESTS} tests of rules are running already; try again when one is done`);
    this.#running++;
    try {
      const { camera: { id }, timeZone } = at;
      const { names, parts, since } = at.camera.keptLooks;
      const told = rules.map((rule) => ({ ...(timeZone === null ? {} : { time_zone: timeZone }), ...rule, camera: id }));
      const head: RuleTestHead = { cameraId: id, scene: meaning.scene, rules: told, start: from, end: to, names, models: at.camera.describe(names.models), keptSince: since };
      return await this.#ask(head, parts, AbortSignal.any([signal, AbortSignal.timeout(this.#limitMs)]));
    } catch (cause) {
      if (signal.aborted) throw new RuthError('cancelled', 'nobody waits for the test any more', { cause });
      if (cause instanceof RuthError) throw cause;
      if ((cause as Error).name === 'AbortError') throw new RuthError('timeout', `the looks were not understood within ${this.#limitMs / 1000} s; try a shorter span`, { cause });
      throw new RuthError('internal', `the rules could not be tried: ${(cause as Error).message}`, { cause });
    } finally {
      this.#running--;
    }
  }

  async #ask(head: RuleTestHead, parts: readonly Buffer[], signal: AbortSignal): Promise<RuleTest> {
    const child = spawn(process.execPath, [`--max-old-space-size=${MEMORY_MB}`, '--single-threaded-gc', ENTRY], { stdio: ['pipe', 'pipe', 'inherit'], signal, killSignal: 'SIGKILL' });
    const ended = new Promise<void>((resolve, reject) => { child.on('close', () => resolve()).on('error', reject); });
    // Heard below; here it is only not to be missed while the entries are written.
    ended.catch(() => undefined);
    lowerPriority(child.pid);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MOST_ANSWER_CHARACTERS) child.kill('SIGKILL');
    });
    // Who ends before it has read all has said why.
    await pipeline(Readable.from([`${JSON.stringify(head)}\n`, ...parts], { objectMode: true }), child.stdin).catch(() => undefined);
    await ended;
    const answer = parsed(text);
    if (errorBody.check(answer)) throw new RuthError(answer.error_code in ERRORS ? answer.error_code as ErrorCode : 'internal', answer.error);
    return ruleTest.parse(answer, 'internal');
  }
}

/** Whoever may not lower it shares the CPU with it. */
function lowerPriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or may not.
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RuthError('internal', 'the process that tries rules ended without an answer', { cause });
  }
}
