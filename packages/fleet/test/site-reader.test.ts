// What the server beside an outbox is told of the site's stream, over a real NATS server: every message once and in order, from where it says it is, though the NATS
// server is killed in between; what was let go is counted, and what is no event of its node is left out.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { ensureEventStream, EVENT_STREAM, messageIdOf, messageOf, SiteReader, SiteStore, subjectOf, type SiteMessages, type SitePosition } from '../src/index.ts';
import { Nats, natsMissing } from './nats.ts';
import { logger, until } from './site-run.ts';

const WAIT_MS = 1000;
const LIMITS = { maxBytes: 50e6, maxAgeMs: 3_600_000, replicas: 1 };

describe('the stream of a site', { skip: natsMissing() }, () => {
  let nats: Nats;
  let store: SiteStore;
  let reader: SiteReader;
  let last = 0;
  const position: { at: SitePosition | null } = { at: null };

  before(async () => {
    nats = await Nats.start();
    store = await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, logger);
    await ensureEventStream(store.connection, LIMITS, logger);
    reader = new SiteReader(store.connection, logger);
  });
  after(async () => {
    await store[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  const publish = async (count: number, node = 'east.1'): Promise<number[]> => {
    const js = jetstream(store.connection, { timeout: 5000 });
    const ids = Array.from({ length: count }, () => ++last);
    for (let at = 0; at < count; at += 200) {
      await Promise.all(ids.slice(at, at + 200).map((id) => {
        const row = { source: 'core' as const, epoch: 0, id, body: JSON.stringify({ id, version: 1, at: 1, type: 'camera.up', camera_id: 'gate', reason: 'x'.repeat(300) }) };
        return js.publish(subjectOf(node), messageOf(node, row), { msgID: messageIdOf(node, row) });
      }));
    }
    return ids;
  };
  const read = async (): Promise<SiteMessages> => {
    const batch = await reader.read(position.at, WAIT_MS);
    position.at = { stream: batch.stream, after: batch.position };
    return batch;
  };
  const readAll = async (count: number): Promise<number[]> => {
    const ids: number[] = [];
    await until(async () => {
      const batch = await read().catch(() => null);
      ids.push(...batch?.events.map(({ event }) => event.id) ?? []);
      return ids.length >= count;
    }, 'all is read');
    return ids;
  };

  it('is read from where it is, then each message once and in order, many at a time and as it comes', async () => {
    await publish(3);
    const begun = await read();
    assert.deepEqual([begun.position, begun.newest, begun.events], [3, 3, []]);
    assert.deepEqual((await read()).events, [], 'nothing has come');
    const waiting = readAll(1);
    const [one] = await publish(1);
    assert.deepEqual(await waiting, [one]);
    const ids = await publish(3000);
    assert.deepEqual(await readAll(3000), ids);
    const again = await reader.read({ ...position.at!, after: position.at!.after - 10 }, WAIT_MS);
    assert.deepEqual(again.events.map(({ event }) => event.id), ids.slice(-10), 'who did not write it asks again');
  });

  it('is read on where it was when the NATS server is back', async () => {
    const ids = await publish(1200);
    const first = await readAll(1);
    await nats.kill();
    await assert.rejects(reader.read(position.at, WAIT_MS), { code: 'unreachable' });
    await nats.run();
    assert.deepEqual([...first, ...await readAll(ids.length - first.length)], ids);
    const more = await publish(5);
    assert.deepEqual(await readAll(5), more);
  });

  it('has what is no event of that node left out, and what was let go counted', async () => {
    const js = jetstream(store.connection);
    await js.publish(subjectOf('east.1'), 'no JSON');
    await js.publish(subjectOf('west'), messageOf('east.1', { source: 'core', epoch: 0, body: JSON.stringify({ id: 1, version: 1, at: 1, type: 'camera.up', camera_id: 'gate', reason: null }) }));
    const ids = await publish(1);
    assert.deepEqual(await readAll(1), ids);
    assert.equal(reader.counters.invalid, 2);
    await publish(20);
    const manager = await jetstreamManager(store.connection);
    await manager.streams.purge(EVENT_STREAM, { keep: 5 });
    const { missed, events } = await read();
    assert.deepEqual([missed, events.map(({ event }) => event.id)], [15, [last - 4, last - 3, last - 2, last - 1, last]]);
    await publish(4);
    await manager.streams.purge(EVENT_STREAM);
    const { missed: all, position: at, newest } = await read();
    assert.deepEqual([all, at], [4, newest], 'also where nothing is left');
  });

  it('that was made anew is read from its beginning', async () => {
    const manager = await jetstreamManager(store.connection);
    await manager.streams.delete(EVENT_STREAM);
    await assert.rejects(reader.read(position.at, WAIT_MS), { code: 'unreachable' });
    await ensureEventStream(store.connection, LIMITS, logger);
    const ids = await publish(3);
    const batch = await read();
    assert.deepEqual([batch.missed, batch.events.map(({ event }) => event.id)], [0, ids]);
  });
});
