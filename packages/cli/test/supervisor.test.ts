import assert from 'node:assert/strict';
import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLogger } from '@ruth/transport';
import { type ProcessDefinition, type ProcessState, SupervisedProcess, Supervisor } from '../src/index.ts';

const entry = fileURLToPath(new URL('fixtures/child.ts', import.meta.url));
const definition = (behaviour: string, required = false): ProcessDefinition => ({ name: behaviour, entry, args: [behaviour], stdin: '{"cameras":[]}', required });

function observed() {
  const emitter = new EventEmitter();
  const states: { state: ProcessState; details: Record<string, unknown> }[] = [];
  const lines: string[] = [];
  return {
    emitter, states, lines,
    observer: {
      log: (_: string, line: string) => { lines.push(line); },
      state: (_: string, state: ProcessState, details: Record<string, unknown>) => { states.push({ state, details }); emitter.emit(state, details); },
    },
  };
}

const until = async (condition: () => boolean): Promise<void> => { while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5)); };
const alive = (pid: number): boolean => { try { process.kill(pid, 0); return true; } catch { return false; } };

test('settings reach a process over standard input and its readiness comes back', async () => {
  const { observer } = observed();
  const stop = new AbortController();
  const child = new SupervisedProcess(definition('serve'), observer);
  const running = child.run(stop.signal);
  const details = await child.firstReady;
  assert.equal(details.settings, '{"cameras":[]}');
  stop.abort();
  await running;
  assert.equal(alive(details.pid as number), false);
});

test('a process that is killed is started again', async () => {
  const { observer, emitter } = observed();
  const stop = new AbortController();
  const child = new SupervisedProcess(definition('serve'), observer);
  const running = child.run(stop.signal);
  const { pid } = await child.firstReady;
  const again = once(emitter, 'ready') as Promise<[{ pid: number }]>;
  process.kill(pid as number, 'SIGKILL');
  const [details] = await again;
  assert.notEqual(details.pid, pid);
  assert.equal(child.restarts, 1);
  stop.abort();
  await running;
});

test('a process that keeps ending is called a crash loop, with its reason, and its output is passed on', async () => {
  const { observer, emitter, lines } = observed();
  const stop = new AbortController();
  const child = new SupervisedProcess(definition('end'), observer);
  const running = child.run(stop.signal);
  const [details] = await once(emitter, 'crash_loop') as [{ reason: string; next_start_in_ms: number }];
  assert.equal(details.reason, 'exit 7');
  assert.equal(details.next_start_in_ms, 30_000);
  assert.ok(lines.includes('about to end'));
  stop.abort();
  await running;
});

test('a mistake that no retry mends ends a required process with its own words', async () => {
  const supervisor = new Supervisor({ logger: createLogger('test', 'silent'), forward: () => undefined });
  supervisor.start(definition('hopeless', true));
  await assert.rejects(supervisor.fatal, { code: 'invalid_config', message: 'hopeless cannot start: line 3 is wrong' });
  await supervisor[Symbol.asyncDispose]();
});

test('a process that ignores SIGTERM is killed', async () => {
  const { observer } = observed();
  const stop = new AbortController();
  const child = new SupervisedProcess(definition('stubborn'), observer);
  const running = child.run(stop.signal);
  const { pid } = await child.firstReady;
  stop.abort();
  await running;
  assert.equal(alive(pid as number), false);
});

test('a process is replaced while it serves: its successor is ready before it hears that it shall drain', async () => {
  const { observer, states } = observed();
  const stop = new AbortController();
  const child = new SupervisedProcess({ ...definition('serve'), replaceable: true }, observer);
  const running = child.run(stop.signal);
  const { pid: first } = await child.firstReady;
  const details = await child.replace({ ...definition('serve'), replaceable: true, stdin: 'new' });
  assert.deepEqual([details.settings, details.takeOver, details.pid], ['new', true, child.pid]);
  await until(() => !alive(first as number));
  assert.equal(child.restarts, 0);
  assert.deepEqual(states.map(({ state }) => state), ['starting', 'ready', 'replacing', 'ready']);
  const second = child.pid!;
  await child.replace();
  assert.notEqual(child.pid, second);
  stop.abort();
  await running;
  assert.deepEqual([alive(second), alive(details.pid as number)], [false, false]);
});

test('a successor that fails, or is not ready in time, leaves the process as it is, and says why', async () => {
  const { observer, states } = observed();
  const stop = new AbortController();
  const child = new SupervisedProcess({ ...definition('serve'), replaceable: true }, observer);
  const running = child.run(stop.signal);
  await assert.rejects(child.replace(definition('serve')), { code: 'invalid_state', message: /cannot run beside itself/ });
  const { pid } = await child.firstReady;
  await assert.rejects(child.replace({ ...definition('hopeless'), replaceable: true }), { code: 'invalid_config', message: 'serve was not replaced: line 3 is wrong' });
  const slow = child.replace({ ...definition('silent'), replaceable: true }, { readyLimitMs: 300 });
  await assert.rejects(child.replace(), { code: 'invalid_state', message: /being replaced already/ });
  await assert.rejects(slow, { code: 'timeout', message: /was not ready within 300 ms/ });
  assert.equal(child.pid, pid);
  assert.ok(alive(pid as number));
  assert.equal(states.filter(({ state }) => state === 'not_replaced').length, 2);
  stop.abort();
  await running;
});

test('a process that dies while its successor starts is not started a third time', async () => {
  const { observer, emitter } = observed();
  const stop = new AbortController();
  const child = new SupervisedProcess({ ...definition('serve'), replaceable: true }, observer);
  const running = child.run(stop.signal);
  const { pid } = await child.firstReady;
  const waiting = once(emitter, 'waiting');
  const replaced = child.replace();
  process.kill(pid as number, 'SIGKILL');
  await waiting;
  const details = await replaced;
  assert.equal(child.pid, details.pid);
  const again = once(emitter, 'ready') as Promise<[{ pid: number; takeOver: boolean }]>;
  process.kill(details.pid as number, 'SIGKILL');
  assert.equal((await again)[0].takeOver, false);
  stop.abort();
  await running;
});

test('a process that gives no sign of life is killed and started again; the others are left alone', async () => {
  const { observer, emitter } = observed();
  const stop = new AbortController();
  const [child, other] = [new SupervisedProcess({ ...definition('serve'), hangLimitS: 1 }, observer), new SupervisedProcess({ ...definition('serve'), hangLimitS: 1 }, observed().observer)];
  const running = [child.run(stop.signal), other.run(stop.signal)];
  const [{ pid }, { pid: otherPid }] = [await child.firstReady, await other.firstReady];
  const waiting = once(emitter, 'waiting') as Promise<[{ reason: string }]>;
  const again = once(emitter, 'ready') as Promise<[{ pid: number; endedBefore: string | null }]>;
  process.kill(pid as number, 'SIGSTOP');
  assert.match((await waiting)[0].reason, /no sign of life for 1 s/);
  const [next] = await again;
  assert.notEqual(next.pid, pid);
  assert.match(next.endedBefore!, /no sign of life for 1 s/, 'the next one is told what became of the one before');
  assert.deepEqual([alive(pid as number), other.pid, other.restarts], [false, otherPid, 0]);
  stop.abort();
  await Promise.all(running);
});

test('a process that asks for a successor goes on until that is ready, and drains', async () => {
  const { observer, emitter, states } = observed();
  const stop = new AbortController();
  const child = new SupervisedProcess({ ...definition('worn'), replaceable: true }, observer);
  const running = child.run(stop.signal);
  const { pid } = await child.firstReady;
  const [details] = await once(emitter, 'ready') as [{ pid: number; takeOver: boolean }];
  assert.deepEqual([details.takeOver, child.pid, child.restarts], [true, details.pid, 0]);
  await until(() => !alive(pid as number));
  assert.deepEqual(states.find(({ state }) => state === 'replacing')?.details, { reason: 'it has grown' });
  stop.abort();
  await running;
});

test('processes end in the reverse order of their start', async () => {
  const ended: string[] = [];
  const supervisor = new Supervisor({
    logger: createLogger('test', 'info', { write(line: string) { const { process: name, state } = JSON.parse(line) as Record<string, string>; if (state === 'stopped') ended.push(name!); } }),
    forward: () => undefined,
  });
  const started = ['first', 'second', 'third'].map((name) => supervisor.start({ ...definition('serve'), name }));
  await Promise.all(started.map((child) => child.firstReady));
  await supervisor[Symbol.asyncDispose]();
  assert.deepEqual(ended, ['third', 'second', 'first']);
});
