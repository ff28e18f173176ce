import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CoreEvent, validator } from '@ruth/protocol';
import { EventLog, streamEvents, type EventStreamOptions } from '../src/index.ts';

const coreEvent = validator(CoreEvent);
const newLog = (limits: { maxEvents?: number; maxBytes?: number } = {}): EventLog<CoreEvent> => new EventLog({ utcMs: () => 1_700_000_000_000, ...limits });
const say = (log: EventLog<CoreEvent>, count: number, reason = ''): number[] =>
  Array.from({ length: count }, (_, index) => log.append({ type: 'model.down', model_id: 'finder', reason: `${index}${reason}` }).id);

test('ids grow by one, and what comes after an id can be had until it is let go', () => {
  const log = newLog({ maxEvents: 3 });
  const before = log.newestId;
  const ids = say(log, 5);
  assert.deepEqual(ids, [1, 2, 3, 4, 5].map((step) => before + step));
  assert.equal(log.after(ids[4]!), null);
  assert.equal(log.after(ids[3]!)?.id, ids[4]);
  assert.equal(log.after(ids[1]!)?.id, ids[2], 'the oldest that is kept');
  const gap = coreEvent.parse(JSON.parse(log.after(ids[0]!)!.text));
  assert.deepEqual([gap.type, gap.id, 'oldest' in gap && gap.oldest], ['gap', ids[1], ids[2]]);
});

test('a log is bounded in bytes too, and keeps the newest event however long it is', () => {
  const log = newLog({ maxBytes: 2000 });
  const ids = say(log, 10, 'x'.repeat(500));
  assert.equal(log.after(ids[5]!)?.text.includes('"gap"'), true);
  assert.equal(log.after(ids[7]!)?.id, ids[8]);
  const [long] = say(log, 1, 'x'.repeat(9000));
  assert.equal(log.after(long! - 1)?.id, long);
});

test('a log never mistakes an id for one it gave out over thousands of events', () => {
  const log = newLog({ maxEvents: 50 });
  for (let round = 0; round < 200; round++) {
    const ids = say(log, 7);
    for (const id of ids.slice(0, -1)) assert.equal(log.after(id)?.id, id + 1);
  }
});

test('a log without events, or with one that is too long for it, tells of a gap once', () => {
  const empty = newLog();
  assert.equal(empty.after(empty.newestId), null);
  assert.equal(empty.after(empty.after(7)!.id), null);
  const log = newLog({ maxBytes: 100 });
  say(log, 3);
  const [long] = say(log, 1, 'x'.repeat(200));
  const gap = log.after(7)!;
  assert.equal(log.after(gap.id)?.id, long);
  const [next] = say(log, 1, 'x'.repeat(300));
  assert.equal(log.after(log.after(long!)!.id), null, 'the one before is gone');
  assert.equal(log.after(next! - 1)?.id, next);
});

test('an id that was never given out, as after a restart with the clock set back, is a gap', () => {
  const log = newLog();
  say(log, 2);
  assert.equal(coreEvent.parse(JSON.parse(log.after(log.newestId + 1000)!.text)).type, 'gap');
});

async function serving(log: EventLog<CoreEvent>, afterId: number, options: EventStreamOptions = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'ruth-events-'));
  const stop = new AbortController();
  const path = join(directory, 'events.sock');
  const ended = Promise.withResolvers<void>();
  const server = createServer((_request, response) => void streamEvents(log, afterId, response, stop.signal, options).then(ended.resolve));
  server.listen(path);
  await once(server, 'listening');
  const [response] = await once(get({ socketPath: path, path: '/' }), 'response') as [IncomingMessage];
  response.on('error', () => undefined);
  return {
    response, stop, ended: ended.promise,
    async [Symbol.asyncDispose]() {
      response.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

test('a consumer that returns with its last id gets what it missed, then what comes, each with its id', async () => {
  const log = newLog();
  const ids = say(log, 4);
  await using stream = await serving(log, ids[1]!);
  const later = log.append({ type: 'model.up', model_id: 'finder', reason: null });
  let text = '';
  for await (const chunk of stream.response.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    if (text.includes(`id: ${later.id}`)) break;
  }
  assert.deepEqual([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)), [ids[2], ids[3], later.id]);
  for (const [, data] of text.matchAll(/^data: (.*)$/gm)) coreEvent.parse(JSON.parse(data!));
});

test('a consumer that stops reading is disconnected, and the log is not held back by it', async () => {
  const log = newLog({ maxEvents: 100 });
  await using stream = await serving(log, log.newestId, { stallLimitMs: 100 });
  stream.response.pause();
  for (let round = 0; round < 40; round++) {
    say(log, 10, 'x'.repeat(100_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await stream.ended;
});

test('a silent stream is kept alive by comments', async () => {
  const log = newLog();
  await using stream = await serving(log, log.newestId, { keepAliveMs: 10 });
  const [chunk] = await once(stream.response, 'data') as [Buffer];
  assert.match(chunk.toString(), /^:/);
});

test('a stream ends when its process stops', async () => {
  const log = newLog();
  await using stream = await serving(log, log.newestId);
  stream.response.resume();
  stream.stop.abort();
  await once(stream.response, 'end');
  await stream.ended;
});
