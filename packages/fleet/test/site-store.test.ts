// What a site keeps in JetStream, as it is watched over a connection that is lost and comes back: by a real NATS server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { SiteStore } from '../src/index.ts';
import { Link, Nats, natsMissing } from './nats.ts';
import { logger, until } from './site-run.ts';

test('who watches hears of what was changed while its connection was lost, though nothing follows', { skip: natsMissing() }, async () => {
  await using nats = await Nats.start();
  await using link = new Link(Number(new URL(nats.url).port));
  const open = (name: string, url: string): Promise<SiteStore> => SiteStore.open({ servers: [url], credentialsFile: null, caFile: null, name, replicas: 1 }, logger);
  await using store = await open('writes', nats.url);
  await using watching = await open('watches', await link.listen());
  const told: (string | null)[] = [];
  const end = new AbortController();
  const term = await store.placements.put('gate', { node: 'a', incarnation: '00000000-0' }, 0);
  const watched = watching.placements.watch(({ value }) => told.push(value?.node ?? null), { signal: end.signal });
  await until(() => told.length > 0, 'it is told what is there');
  const lost = (async () => { for await (const { type } of watching.connection.status()) if (type === 'disconnect') return; })();
  link.cut();
  await store.placements.put('gate', { node: 'b', incarnation: '00000000-0' }, term);
  await lost;
  link.mend();
  await until(() => told.at(-1) === 'b', 'it is told what was changed meanwhile');
  await store.placements.delete('gate');
  await until(() => told.at(-1) === null, 'and what follows');
  end.abort();
  await watched;
  assert.equal(told[0], 'a');
});

test('no watch is written to the disk of a server, nor leaves one behind to see that there is nothing', { skip: natsMissing() }, async () => {
  await using nats = await Nats.start();
  await using store = await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'watches', replicas: 1 }, logger);
  const end = new AbortController();
  const caughtUp = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const watched = [
    store.leader.watch(() => undefined, { signal: end.signal, id: 'leader', caughtUp: caughtUp[0].resolve }),
    store.nodes.watch(() => undefined, { signal: end.signal, caughtUp: caughtUp[1].resolve }),
  ];
  await Promise.all(caughtUp.map(({ promise }) => promise));
  const { consumers } = await jetstreamManager(store.connection);
  const inMemory = async (bucket: string): Promise<boolean[]> => (await consumers.list(`KV_${bucket}`).next()).map(({ config }) => config.mem_storage === true);
  assert.deepEqual(await inMemory('ruth_leader'), [true], 'one that is watched alone is looked up once');
  const ofAll = await inMemory('ruth_site');
  assert.ok(ofAll.length > 0 && ofAll.every(Boolean), `consumers on disk: ${ofAll.join()}`);
  end.abort();
  await Promise.all(watched);
});
