// Walks the page's main path in Debian's Firefox, over WebDriver BiDi and against the stand-in system: `node packages/web/test/firefox-walk.ts`.
// No part of `npm test`, which needs Chromium alone. Says what it saw; exits 1 where a view never came or a script failed, 0 without Firefox.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { buildPage } from './browser.ts';
import { startSystem } from './page-system.ts';

const FIREFOX = '/usr/bin/firefox-esr';
const WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 200;

/** What stands on the screen once a view is there: an expression that is true then. */
const VIEWS: readonly (readonly [name: string, hash: string, isThere: string])[] = [
  ['live, with a box and a skeleton', '#/', `document.querySelector('.tile[data-state="live"] canvas[data-drawn-boxes="1"][data-drawn-keypoints="3"]') !== null`],
  ['one camera', '#/live/square', `document.querySelector('main canvas[data-drawn-boxes="1"]') !== null && document.body.innerText.includes('In this browser')`],
  ['its scene', '#/cameras/square/scene', `document.querySelector('svg') !== null && document.body.innerText.includes('Draw a zone')`],
  ['events', '#/events', `document.querySelector('select') !== null`],
  ['models', '#/models', `document.body.innerText.includes('How often each model looks')`],
  ['system', '#/system', `document.querySelector('meter.disk') !== null`],
];

/** As much of WebDriver BiDi as is needed: commands, one answer each, and what scripts complain of. */
class Firefox implements AsyncDisposable {
  readonly problems: string[] = [];
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, PromiseWithResolvers<unknown>>();
  #commands = 0;

  private constructor(child: ChildProcess, profile: string, socket: WebSocket) {
    this.#child = child;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const { id, result, method, params, message } = JSON.parse(data) as { id?: number; result?: unknown; method?: string; message?: string; params?: { level: string; text: string | null } };
      if (method === 'log.entryAdded' && params?.level === 'error') this.problems.push(params.text ?? 'an error without words');
      if (id === undefined) return;
      const answer = this.#answers.get(id);
      this.#answers.delete(id);
      if (message === undefined) answer?.resolve(result);
      else answer?.reject(new Error(message));
    });
  }

  static async start(): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'ruth-firefox-'));
    const child = spawn(FIREFOX, ['--headless', '--no-remote', '--remote-debugging-port=0', '--profile', profile], { stdio: ['ignore', 'ignore', 'pipe'] });
    const limit = setTimeout(() => child.kill(), WITHIN_MS);
    try {
      for await (const line of createInterface({ input: child.stderr })) {
        const address = /^WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
        if (address === undefined) continue;
        child.stderr.resume();
        const socket = new WebSocket(`${address}/session`);
        await once(socket, 'open', { signal: AbortSignal.timeout(WITHIN_MS) });
        const firefox = new Firefox(child, profile, socket);
        await firefox.ask('session.new', { capabilities: {} });
        await firefox.ask('session.subscribe', { events: ['log.entryAdded'] });
        return firefox;
      }
      throw new Error(`Firefox took no session within ${WITHIN_MS} ms`);
    } catch (error) {
      child.kill();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
      throw error;
    } finally {
      clearTimeout(limit);
    }
  }

  ask(method: string, params: Record<string, unknown>): Promise<unknown> {
    const id = ++this.#commands;
    const answer = Promise.withResolvers<unknown>();
    this.#answers.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return answer.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

async function walk(): Promise<string[]> {
  const missed: string[] = [];
  await using system = await startSystem((await buildPage()).directory);
  await using firefox = await Firefox.start();
  const { contexts } = await firefox.ask('browsingContext.getTree', {}) as { contexts: { context: string }[] };
  const context = contexts[0]!.context;
  for (const [name, hash, isThere] of VIEWS) {
    await firefox.ask('browsingContext.navigate', { context, url: `${system.url}/${hash}`, wait: 'none' });
    const endsAt = performance.now() + WITHIN_MS;
    let seen = false;
    while (!seen && performance.now() < endsAt) {
      const { result } = await firefox.ask('script.evaluate', { expression: isThere, target: { context }, awaitPromise: false }) as { result?: { value?: unknown } };
      seen = result?.value === true;
      if (!seen) await delay(LOOK_EVERY_MS);
    }
    console.log(`${seen ? 'came' : 'never came'}: ${name}`);
    if (!seen) missed.push(name);
  }
  return [...missed, ...firefox.problems];
}

if (!existsSync(FIREFOX)) console.log('skipped: needs Debian\'s Firefox: apt-get install firefox-esr');
else {
  const problems = await walk();
  for (const problem of problems) console.log(`problem: ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
