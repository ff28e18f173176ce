// A store that an older Ruth left is opened by this one as it was: nothing of it is lost, and what is new has its place. `store-001.sql` is
// such a file as text, taken when only `001-events` was there; it is never written anew.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore, type EventSearch } from '@ruth/server/store';

const ALL: EventSearch = { types: null, cameras: null, models: null, classes: null, zones: null, rules: null, minScore: null, startUs: 0, endUs: Number.MAX_SAFE_INTEGER, cursor: null, limit: 100 };

function oldFile(t: { after(end: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-old-store-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'ruth.sqlite');
  using database = new DatabaseSync(file);
  database.exec(readFileSync(join(import.meta.dirname, 'fixtures/store-001.sql'), 'utf8'));
  return file;
}

test('a store of events alone is brought forward with all that it holds, goes on where it was, and has room for people', async (t) => {
  const file = oldFile(t);
  for (const visit of ['first', 'second']) {
    await using store = await openStore({ kind: 'sqlite', file });
    const { events } = await store.read('searchEvents', ALL);
    assert.deepEqual(events.map(({ body }) => JSON.parse(body) as unknown), [{ id: 7 }, { id: 3 }], visit);
    assert.deepEqual(await store.read('positionOf', 'core'), { epoch: 0, lastId: 7 });
    assert.deepEqual((await store.read('users')).map(({ name }) => name), visit === 'first' ? [] : ['vera']);
    if (visit === 'first') await store.write('addUser', { name: 'vera', password: 'a hash', is_one_time: 0, role: 'viewer', cameras: null, active: 1, created_us: 1 });
  }
});

test('a store of a newer Ruth is refused as it is', async (t) => {
  const file = oldFile(t);
  using database = new DatabaseSync(file);
  database.exec(`insert into kysely_migration values ('999-of-tomorrow', '2030-01-01T00:00:00.000Z')`);
  await assert.rejects(openStore({ kind: 'sqlite', file }), { code: 'store_unavailable', message: /newer Ruth \(it has 999-of-tomorrow\)/ });
  assert.deepEqual(database.prepare('select name from sqlite_master where name = ?').all('users'), []);
});
