import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { CoreEvent, validator } from '@ruth/protocol';
import { EventLog, EventStore, sweepEventStore } from '../src/index.ts';

function freshFolder(t: TestContext): string {
  const folder = mkdtempSync('/dev/shm/ruth-test-');
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** All that can be read, by id. */
function contents(store: EventStore): Map<number, string> {
  const found = new Map<number, string>();
  if (store.oldestId !== null) for (let id = store.oldestId; id <= store.newestId!; id++) found.set(id, store.read(id)!);
  return found;
}

test('whatever is appended, the store holds an unbroken end of it, as much as fits, and the file tells the same to the next process', (t) => {
  const folder = freshFolder(t);
  const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 30 }), fc.integer({ min: 0, max: 700 }).map((length) => 'x'.repeat(length)));
  let run = 0;
  fc.assert(fc.property(fc.array(text, { maxLength: 80 }), fc.integer({ min: 64, max: 600 }), fc.integer({ min: 1, max: 20 }), fc.nat(1e9), (texts, bytes, maxEvents, firstId) => {
    const path = join(folder, `${run++}`);
    const copy = join(folder, `${run++}`);
    using store = EventStore.open(path, bytes, maxEvents);
    const appended: [number, string][] = [];
    for (const [index, each] of texts.entries()) {
      const id = firstId + index;
      const fits = store.append(id, each);
      if (fits) appended.push([id, each]);
      else appended.length = 0;
      const held = [...contents(store)];
      assert.deepEqual(held, appended.slice(appended.length - held.length));
      if (fits) assert.ok(held.length >= 1 && held.length <= maxEvents);
      assert.equal(store.read(id - maxEvents), null);
      assert.equal(store.read(id + 1), null);
      // As if the process had been killed here.
      if (index % 7 !== 3) continue;
      copyFileSync(path, copy);
      using next = EventStore.open(copy, bytes, maxEvents);
      assert.deepEqual([...contents(next)], held);
      assert.ok(next.append(id + 1, 'next'));
      assert.equal(contents(next).get(id + 1), 'next');
    }
  }), { numRuns: 150 });
});

test('a file of other bytes is begun anew, whatever they are', (t) => {
  const folder = freshFolder(t);
  const path = join(folder, 'events');
  {
    const store = EventStore.open(path, 256, 8);
    for (let id = 1; id <= 20; id++) store.append(id, `event ${id}`);
    copyFileSync(path, join(folder, 'whole'));
    store[Symbol.dispose]();
  }
  const whole = readFileSync(join(folder, 'whole'));
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }), (changes) => {
    const bytes = Buffer.from(whole);
    for (const [at, value] of changes) bytes[at] = value;
    writeFileSync(path, bytes);
    using store = EventStore.open(path, 256, 8);
    for (const held of contents(store).values()) assert.equal(typeof held, 'string');
    store.append((store.newestId ?? 0) + 1, 'after');
    assert.equal(store.read(store.newestId!), 'after');
  }), { numRuns: 300 });
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(5000, 1), whole.subarray(0, 100)]) {
    writeFileSync(path, bytes);
    using store = EventStore.open(path, 256, 8);
    assert.equal(store.newestId, null);
  }
});

test('ids go on after what the process before left, and its events can be had', (t) => {
  const path = join(freshFolder(t), 'events');
  const copy = `${path}-copy`;
  const log = new EventLog<CoreEvent>({ utcMs: () => 1_700_000_000_000, store: EventStore.open(path, 4096, 64) });
  const ids = ['a', 'b', 'c'].map((model_id) => log.append({ type: 'model.up', model_id, reason: null }).id);
  copyFileSync(path, copy);
  // The clock was set back meanwhile.
  const next = new EventLog<CoreEvent>({ utcMs: () => 1_600_000_000_000, store: EventStore.open(copy, 4096, 64) });
  const { id } = next.append({ type: 'model.down', model_id: 'a', reason: 'x' });
  assert.equal(id, ids[2]! + 1);
  const told: string[] = [];
  for (let event = next.after(ids[0]!); event; event = next.after(event.id)) {
    const parsed = validator(CoreEvent).parse(JSON.parse(event.text));
    told.push('model_id' in parsed ? `${parsed.type} ${parsed.model_id}` : parsed.type);
  }
  assert.deepEqual(told, ['model.up b', 'model.up c', 'model.down a']);
});

test('a store belongs to one process at a time, and goes with it; one that was left by a killed process is swept', (t) => {
  const path = join(freshFolder(t), 'events');
  const store = EventStore.open(path, 256, 8);
  assert.throws(() => EventStore.open(path, 256, 8), { code: 'socket_in_use' });
  assert.equal(sweepEventStore(path), false, 'it is in use');
  copyFileSync(path, `${path}-left`);
  store[Symbol.dispose]();
  assert.equal(existsSync(path), false);
  assert.equal(sweepEventStore(`${path}-left`), true);
  assert.equal(existsSync(`${path}-left`), false);
  assert.equal(sweepEventStore(path), false);
});
