// What is stored while somebody searches: the series of an event may be younger than the search.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KyselyPlugin } from 'kysely';
import { openDatabase } from '../src/store/database.ts';
import { EventReader, type EventSearch } from '../src/store/event-search.ts';
import { EventWriter } from '../src/store/event-writer.ts';

const ALL: EventSearch = { types: null, cameras: null, models: null, classes: null, zones: null, rules: null, minScore: null, startUs: 0, endUs: Number.MAX_SAFE_INTEGER, cursor: null, limit: 100 };

test('an event of a kind that was never stored before is found by a search that began before it was stored', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-series-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const address = { kind: 'sqlite', file: join(directory, 'ruth.sqlite') } as const;
  const database = await openDatabase(address, 'writer');
  t.after(() => database.destroy());
  const writer = new EventWriter(database, null);
  let stored = 0;
  const store = async (): Promise<void> => {
    const id = ++stored;
    const series = { type: 'zone.entered', camera: `camera-${id}`, model: 'detector', class_name: 'person', zones: 'yard', rule: '' };
    await writer.append({ source: 'core', after: { epoch: 0, lastId: id === 1 ? -1 : id - 1 }, position: { epoch: 0, lastId: id }, events: [{ sourceId: id, atUs: id, score: null, series, body: '{}' }], tracks: [] });
  };
  // Each search looks at the series first: whatever it finds there, there is one more by then.
  let isLooking = false;
  const meanwhile: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (!isLooking) return result;
      isLooking = false;
      await store();
      return result;
    },
  };
  const reader = new EventReader(database.withPlugin(meanwhile));
  const looking = async <T>(look: () => Promise<T>): Promise<T> => {
    isLooking = true;
    return look();
  };
  assert.deepEqual((await looking(() => reader.search(ALL))).events.map(({ series }) => series.camera), ['camera-1']);
  assert.deepEqual((await looking(() => reader.after(1, 10, null))).map(({ series }) => series.camera), ['camera-2']);
  assert.deepEqual((await looking(() => reader.counts(ALL))).series.map(({ camera }) => camera), ['camera-1', 'camera-2', 'camera-3']);
});
