// A site of simulated nodes in processes of their own; the first one is alone in its process, and leads.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, NodesOptions, Request } from './nodes.ts';

const NODES_PER_PROCESS = 334;
/** Room for half as many cameras again. */
const CAPACITY_CORES = 1.5;
export const ZONES = 4;
const LIMIT_MS = 120_000;

export class SimulatedSite implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];
  readonly #recording = new Map<ChildProcess, number>();

  static async start(url: string, count: number): Promise<SimulatedSite> {
    const site = new SimulatedSite();
    await site.#fork({ url, first: 0, count: 1, capacityCores: CAPACITY_CORES, zones: ZONES });
    for (let first = 1; first < count; first += NODES_PER_PROCESS) {
      await site.#fork({ url, first, count: Math.min(NODES_PER_PROCESS, count - first), capacityCores: CAPACITY_CORES, zones: ZONES });
    }
    return site;
  }

  async #fork(options: NodesOptions): Promise<void> {
    const child = fork(join(import.meta.dirname, 'nodes.ts'), [JSON.stringify(options)]);
    this.#children.push(child);
    child.on('message', (answer: Answer) => { if ('recording' in answer) this.#recording.set(child, answer.recording); });
    child.once('exit', (code) => { if (code !== 0 && code !== null) throw new Error(`simulated nodes ended with ${code}`); });
    await this.#answer(child, 'ready');
  }

  #answer<K extends string>(child: ChildProcess, key: K): Promise<Extract<Answer, Record<K, unknown>>> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`simulated nodes do not answer: ${key}`)), LIMIT_MS);
      const take = (answer: Answer): void => {
        if (!(key in answer)) return;
        clearTimeout(late);
        child.off('message', take);
        resolve(answer as Extract<Answer, Record<K, unknown>>);
      };
      child.on('message', take);
    });
  }

  async #ask<K extends string>(child: ChildProcess, request: Request, key: K): Promise<Extract<Answer, Record<K, unknown>>> {
    const answer = this.#answer(child, key);
    child.send(request);
    return answer;
  }

  get leaderPid(): number { return this.#children[0]!.pid!; }
  get otherPids(): number[] { return this.#children.slice(1).map(({ pid }) => pid!); }
  get recording(): number { return [...this.#recording.values()].reduce((sum, count) => sum + count, 0); }

  async until(condition: (recording: number) => boolean, what: string): Promise<number> {
    for (const endsAt = Date.now() + LIMIT_MS; !condition(this.recording); await delay(5)) if (Date.now() > endsAt) throw new Error(`in vain: ${what}; recorded are ${this.recording}`);
    return uptime();
  }

  /** Throws where a camera is recorded by two nodes. */
  async assertEachOnce(): Promise<void> {
    const cameras: string[] = [];
    for (const child of this.#children) cameras.push(...(await this.#ask(child, { list: true }, 'cameras')).cameras);
    if (new Set(cameras).size !== cameras.length) throw new Error('a camera is recorded twice');
  }

  /** Returns when the last of their leases ends. The leader is not among them. */
  async end(count: number): Promise<number> {
    const others = this.#children.slice(1);
    const ends = others.map((child, index) => this.#ask(child, { end: Math.floor((count + index) / others.length) }, 'until_s'));
    return Math.max(...(await Promise.all(ends)).map((answer) => answer.until_s));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map(async (child) => {
      child.removeAllListeners('exit');
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }));
  }
}
