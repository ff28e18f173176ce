// Who is told of what, over real connections: signed webhooks that are tried again and at last put aside, ntfy, e-mail; and what is never reached.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { kernelSocketPath, type HearingConfig, type NotificationsConfig, type StoredEvent } from '@ruth/protocol';
import { Cooldown, hearingOf, isQuiet, Notifications, signatureOf, Upstream, wordsOf, type FoldingOptions } from '@ruth/server/parts';
import { openStore, type EventRow, type FoundEvent, type Store } from '@ruth/server/store';
import { createLogger, secretReader } from '@ruth/transport';
import { fastify } from 'fastify';
import { camera, until } from './stand-ins.ts';

const SECRET = 'a secret of webhooks';

interface Asked { readonly method: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }

async function place(t: TestContext, config: (url: string, directory: string) => NotificationsConfig, { retriesMs = [20, 20], lookEveryMs = 5000, folding }: { retriesMs?: number[]; lookEveryMs?: number; folding?: FoldingOptions } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-notify-'));
  writeFileSync(join(directory, 'secret'), `${SECRET}\n`);
  const asked: Asked[] = [];
  const answers: number[] = [];
  /** Ids of events that are never taken. */
  const refused = new Set<string>();
  let held: Promise<void> | null = null;
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      asked.push({ method: request.method!, headers: request.headers, body: Buffer.concat(chunks as Buffer[]) });
      const answer = (): void => { response.writeHead(refused.has(String(request.headers['ruth-event-id'])) ? 500 : answers.shift() ?? 200).end(); };
      if (held) void held.then(answer);
      else answer();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kernel = fastify({ forceCloseConnections: true });
  kernel.get('/v1/cameras/:id/snapshot.jpg', (_request, reply) => reply.type('image/jpeg').send(Buffer.from('a picture')));
  kernel.get('/v1/cameras', () => [{ ...camera('front'), name: 'Front door' }]);
  await kernel.listen({ path: kernelSocketPath(directory) });
  const store = await openStore({ kind: 'sqlite', file: join(directory, 'ruth.sqlite') });
  const upstream = new Upstream('kernel', kernelSocketPath(directory));
  const start = () => {
    const notifications = new Notifications({ config: config(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, directory), store, kernel: upstream, logger: createLogger('test', 'silent'), timeZone: 'UTC', retriesMs, waitMs: 50, lookEveryMs, ...(folding && { folding }), readSecret: secretReader({ RUTH_TEST_NTFY: 'tk_test' }) });
    const stop = new AbortController();
    const running = notifications.run(stop.signal);
    return { notifications, end: async () => { stop.abort(); await running; } };
  };
  let running = start();
  t.after(async () => {
    await running.end();
    await store[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
    await kernel.close();
    server.close().closeAllConnections();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    asked, answers, refused, store, get notifications() { return running.notifications; },
    /** Answers wait until that is called. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return () => { held = null; resolve(); };
    },
    /** As if the server had been killed and started again. */
    async again() { await running.end(); running = start(); },
    async stop() { await running.end(); },
    async settled() { for (const { name } of running.notifications.couriers) await store.write('courierPosition', name); },
  };
}

let lastId = 0;
const row = (over: Partial<EventRow['series']> = {}, body: object = {}): EventRow => ({
  sourceId: ++lastId, atUs: 1_700_000_000e6 + lastId * 1e6, score: 0.9, series: { type: 'alert.raised', camera: 'front', model: 'detector', class_name: 'person', zones: 'mat', rule: 'loitering', ...over },
  body: JSON.stringify({ id: lastId, type: 'alert.raised', severity: 'high', event: 'loitering', recording_at: 5, tracks: [{ id: 1 }], ...body }),
});
async function append(store: Store, events: readonly EventRow[]): Promise<void> {
  await store.write('append', { source: 'core', after: await store.write('positionOf', 'core'), position: { epoch: 0, lastId: events.at(-1)!.sourceId }, events, tracks: [] });
}

describe('notifications', () => {
  test('a webhook gets each event signed, again until it is taken, also over a restart, and nothing that it does not hear of', async (t) => {
    const at = await place(t, (url, directory) => ({ webhooks: [{ id: 'crm', url: `${url}/hook`, secret: { file: join(directory, 'secret') }, hears: [{ types: ['alert.raised'] }] }], allow_addresses: ['127.0.0.1'] }));
    await at.settled();
    at.answers.push(500, 503);
    await append(at.store, [row(), row({ type: 'zone.entered' }), row()]);
    at.notifications.poke();
    await until(() => at.asked.length === 4, 'two failures, then both');
    const events = at.asked.map(({ body }) => JSON.parse(body.toString()) as StoredEvent);
    assert.deepEqual(events.map(({ event_id }) => event_id), [1, 1, 1, 3]);
    assert.deepEqual([events[3]!.camera_id, events[3]!.type, 'seen' in events[3]!], ['front', 'alert.raised', false]);
    const { headers, body } = at.asked[3]!;
    const [, atS] = /^t=(\d+),v1=[0-9a-f]{64}$/.exec(String(headers['ruth-signature']))!;
    assert.equal(headers['ruth-signature'], signatureOf(body.toString(), SECRET, Number(atS)));
    assert.notEqual(headers['ruth-signature'], signatureOf(body.toString(), 'another', Number(atS)));
    await until(async () => await at.store.write('courierPosition', 'webhook crm') === 3, 'it is known how far it came');
    assert.deepEqual(at.notifications.couriers[0]!.state, { delivered: 2, unheard: 1, quiet: 0, failed: 2, deadLetters: 0, lastError: null });

    await at.stop();
    await append(at.store, [row()]);
    await at.again();
    await until(() => at.asked.length === 5, 'what came meanwhile is brought');
    assert.equal((JSON.parse(at.asked[4]!.body.toString()) as StoredEvent).event_id, 4);
  });

  test('what cannot be delivered becomes a dead letter that can be sent again, and the next event is brought', async (t) => {
    const at = await place(t, (url, directory) => ({ webhooks: [{ id: 'crm', url, secret: { file: join(directory, 'secret') }, hears: [{}] }], allow_addresses: ['127.0.0.0/8'] }));
    await at.settled();
    at.refused.add('1');
    await append(at.store, [row(), row()]);
    at.notifications.poke();
    await until(async () => await at.store.write('courierPosition', 'webhook crm') === 2, 'both are done with');
    const [letter, ...more] = await at.store.read('deadLetters', 10);
    assert.deepEqual([letter!.target, letter!.event_id, letter!.attempts, more], ['webhook crm', 1, 4, []]);
    assert.match(letter!.error, /answered 500/);
    assert.deepEqual(at.asked.map(({ headers }) => headers['ruth-event-id']), ['1', '1', '1', '2', '1'], 'three tries, the next one, once, and then the first is known to be what is not taken');
  });

  test('of a target that is away nothing becomes a dead letter, however long that is: all is brought in order when it is back', async (t) => {
    const at = await place(t, (url, directory) => ({ webhooks: [{ id: 'crm', url, secret: { file: join(directory, 'secret') }, hears: [{}] }], allow_addresses: ['127.0.0.1'] }));
    await at.settled();
    at.answers.push(...Array.from({ length: 12 }, () => 503));
    await append(at.store, [row(), row(), row()]);
    at.notifications.poke();
    await until(async () => await at.store.write('courierPosition', 'webhook crm') === 3, 'all are brought');
    assert.deepEqual(await at.store.read('deadLetters', 10), []);
    // What is tried to see whether it is the event or the target may be the first that arrives.
    assert.deepEqual(at.asked.slice(12).map(({ body }) => (JSON.parse(body.toString()) as StoredEvent).event_id).toSorted(), [1, 2, 3]);
  });

  test('what is stored while another event is on its way is brought right after it', async (t) => {
    const at = await place(t, (url, directory) => ({ webhooks: [{ id: 'crm', url, secret: { file: join(directory, 'secret') }, hears: [{}] }], allow_addresses: ['127.0.0.1'] }), { lookEveryMs: 3_600_000 });
    await at.settled();
    const release = at.hold();
    await append(at.store, [row()]);
    at.notifications.poke();
    await until(() => at.asked.length === 1, 'the first is on its way');
    await append(at.store, [row()]);
    at.notifications.poke();
    release();
    await until(() => at.asked.length === 2, 'the second, although nobody looks for it', 30_000);
  });

  test('ntfy and e-mail come with words and the picture', async (t) => {
    const mails: string[] = [];
    const smtp = createTcpServer((socket) => {
      let data: string | null = null;
      const say = (line: string): void => { socket.write(`${line}\r\n`); };
      say('220 test');
      let rest = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        rest += chunk;
        for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
          const line = rest.slice(0, end);
          rest = rest.slice(end + 2);
          if (data !== null) {
            if (line === '.') { mails.push(data); data = null; say('250 ok'); } else data += `${line}\n`;
          } else if (line === 'DATA') { data = ''; say('354 go'); } else if (line === 'QUIT') { say('221 bye'); socket.end(); } else say('250 ok');
        }
      });
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(smtp, 'listening');
    t.after(() => { smtp.close(); });
    const hears = [{ min_severity: 'high' as const }];
    const at = await place(t, (url) => ({
      ntfy: [{ id: 'phone', url: `${url}/topic`, token: { env: 'RUTH_TEST_NTFY' }, hears }], email: [{ id: 'office', smtp: `smtp://127.0.0.1:${(smtp.address() as AddressInfo).port}`, from: 'Ruth <ruth@example.org>', to: ['anna@example.org'], hears }],
      allow_addresses: ['127.0.0.1'],
    }));
    await at.settled();
    await append(at.store, [row({}, { severity: 'low' }), row()]);
    at.notifications.poke();
    await until(() => at.asked.length === 1 && mails.length === 1, 'both are told, once');
    const [{ method, headers, body }] = at.asked as [Asked];
    assert.deepEqual([method, headers.title, headers.priority, headers.authorization, body.toString()], ['PUT', 'loitering at Front door, mat', 'high', 'Bearer tk_test', 'a picture']);
    assert.match(mails[0]!, /Subject: loitering at Front door, mat/);
    assert.match(mails[0]!, new RegExp(`filename=event-2\\.jpg[^]*${Buffer.from('a picture').toString('base64')}`));
  });

  test('cameras that fall at once are told people as one, programs one by one; what somebody did does not wait behind them', async (t) => {
    const time = { ms: 1_800_000_000_000 };
    const at = await place(t, (url, directory) => ({
      ntfy: [{ id: 'phone', url: `${url}/topic`, snapshot: false, hears: [{}] }], webhooks: [{ id: 'crm', url: `${url}/hook`, secret: { file: join(directory, 'secret') }, hears: [{}] }], allow_addresses: ['127.0.0.1'],
    }), { lookEveryMs: 3_600_000, folding: { nowMs: () => time.ms } });
    await at.settled();
    const titles = (): unknown[] => at.asked.filter(({ headers }) => headers.title !== undefined).map(({ headers }) => headers.title);
    const toPrograms = (): number => at.asked.filter(({ headers }) => headers['ruth-event-id'] !== undefined).length;
    const fall = (id: string, type = 'camera.down'): EventRow => ({ ...row({ type, camera: id, model: '', class_name: '', zones: '', rule: '' }, { type, camera_id: id, severity: undefined, reason: 'no route to it' }), atUs: time.ms * 1000 });
    const tell = async (events: readonly EventRow[]): Promise<void> => {
      await append(at.store, events);
      at.notifications.poke();
    };
    await tell([...Array.from({ length: 10 }, (_, index) => fall(`cam-${index}`)), row()]);
    await until(() => titles().length === 1, 'the alert');
    assert.deepEqual(titles(), ['loitering at Front door, mat']);
    time.ms += 4000;
    await tell(Array.from({ length: 10 }, (_, index) => fall(`cam-${index + 10}`)));
    await until(() => toPrograms() === 21, 'programs are told each');
    assert.equal(titles().length, 1, 'others may still fall');
    time.ms += 6001;
    at.notifications.poke();
    await until(() => titles().length === 2, 'twenty in one');
    assert.equal(titles()[1], '20 cameras are down');
    const { body } = at.asked.find(({ headers }) => headers.title === '20 cameras are down')!;
    assert.match(body.toString(), /^Cam-0, cam-1, .*, cam-11 and 8 more\. No route to it\. If that came at once, look at what they have in common/);
    await until(async () => await at.store.write('courierPosition', 'ntfy phone') === 21, 'none of them comes again');

    await tell([fall('front', 'camera.up')]);
    time.ms += 10_001;
    at.notifications.poke();
    await until(() => titles().length === 3, 'one that is back');
    assert.equal(titles()[2], 'Front door is back');
    await tell([fall('front')]);
    time.ms += 20_000;
    at.notifications.poke();
    await until(() => toPrograms() === 23, 'programs');
    assert.equal(titles().length, 3, 'where cameras have just fallen, it waits longer for others');
    time.ms += 40_001;
    at.notifications.poke();
    await until(() => titles().length === 4, 'told at last');
    assert.equal(titles()[3], 'Front door is down');
    await at.stop();
    assert.equal(at.notifications.couriers.find(({ name }) => name === 'ntfy phone')!.state.delivered, 23);
  });

  test('addresses of this machine, link-local ones and those of a cloud\'s secrets are not reached, by whatever name', async (t) => {
    // A name that leads to loopback is judged by where it leads.
    const at = await place(t, (url, directory) => ({ webhooks: [{ id: 'inner', url: url.replace('127.0.0.1', 'localhost'), secret: { file: join(directory, 'secret') }, hears: [{}] }] }));
    await at.settled();
    await append(at.store, [row()]);
    at.notifications.poke();
    await until(() => at.notifications.couriers[0]!.state.failed >= 4, 'it is tried again and again');
    assert.match(at.notifications.couriers[0]!.state.lastError!, /localhost \([^)]+\) is an address of this machine/);
    assert.equal(at.asked.length, 0);
  });
});

const found = (over: Partial<EventRow['series']> = {}, body: object = {}, atUs = 1): FoundEvent => {
  const { series, body: text, score } = row(over, body);
  return { id: 1, node: null, source: 'core', atUs, score, series: { id: 1, ...series }, body: text };
};

test('people are told in words of their own: of the disk, and of what is not recorded and since when', () => {
  const told = (event: object, over: object = {}): Parameters<typeof wordsOf>[0] => ({ event_id: 1, source: 'kernel', at: 1_700_000_000, type: (event as { type: string }).type, camera_id: null, model_id: null, class_name: null, zones: [], rule: null, score: null, event: { id: 1, version: 1, at: 1, ...event } as StoredEvent['event'], ...over });
  const full = wordsOf(told({ type: 'recording.storage', state: 'full', message: 'the disk of /srv is full' }));
  assert.deepEqual([full.title, full.isUrgent], ['The disk of the recordings is full', true]);
  assert.match(full.text, /^The disk of \/srv is full\. \d/);
  const gap = (end: number | null): Parameters<typeof wordsOf>[0] => told({ type: 'recording.gap', camera_id: 'front', gap: { start: 1_700_000_000, end, cause: 'disk_full', message: 'ENOSPC' } }, { camera_id: 'front' });
  assert.equal(wordsOf(gap(null), [], () => 'Front door').title, 'Front door is not recorded: disk full');
  assert.match(wordsOf(gap(null)).text, /^ENOSPC\. /);
  const over = wordsOf(gap(1_700_000_030), [], () => 'Front door');
  assert.equal(over.title, 'Front door is recorded again');
  assert.match(over.text, /for 30 s \(disk full\)/);
  assert.equal(wordsOf(told({ type: 'model.down', model_id: 'pose', reason: null }, { model_id: 'pose' })).title, 'Model pose is down');
});

test('an event is heard where it fits all of one list', () => {
  const heard = (hearing: HearingConfig, event = found()): boolean => hearingOf([hearing], event) !== null;
  for (const hearing of [{}, { types: ['alert.raised'] }, { cameras: ['front'], classes: ['person'], rules: ['loitering'], zones: ['mat'], min_severity: 'medium', min_score: 0.9 }] as HearingConfig[]) assert.ok(heard(hearing), JSON.stringify(hearing));
  for (const hearing of [{ types: ['fall'] }, { cameras: ['yard'] }, { classes: ['dog'] }, { zones: ['lawn'] }, { rules: ['x'] }, { min_severity: 'critical' }, { min_score: 0.95 }] as HearingConfig[]) assert.ok(!heard(hearing), JSON.stringify(hearing));
  assert.ok(heard({ zones: ['lawn'] }, found({ zones: 'lawn,mat' })));
  assert.ok(!heard({ min_severity: 'info' }, found({}, { severity: undefined })), 'what has no severity is less than any');
});

test('quiet hours go past midnight and belong to the day on which they begin', () => {
  const at = (text: string): number => Date.parse(`${text}Z`);
  const night: HearingConfig = { quiet: { between: ['22:00', '06:00'], days: ['fri'] } };
  // 2026-11-27 is a Friday.
  for (const [text, quiet] of [['2026-11-27T21:59:00', false], ['2026-11-27T22:00:00', true], ['2026-11-28T05:59:00', true], ['2026-11-28T06:00:00', false], ['2026-11-28T23:00:00', false], ['2026-11-27T01:00:00', false]] as const) assert.equal(isQuiet(night, at(text), 'UTC'), quiet, text);
  assert.equal(isQuiet({ quiet: { days: ['fri'] } }, at('2026-11-27T12:00:00'), 'UTC'), true);
  assert.equal(isQuiet({ quiet: { between: ['22:00', '06:00'] } }, at('2026-07-01T20:30:00'), 'Europe/Berlin'), true, 'in the time zone of the node');
  assert.equal(isQuiet({}, at('2026-11-27T12:00:00'), 'UTC'), false);
});

test('after an event of a track no other of its type for a while, and of another track it is told', () => {
  const cooldown = new Cooldown();
  const hearing = { cooldown_s: 60 };
  const holds = (trackId: number, seconds: number, type = 'zone.entered'): boolean => {
    const event = found({ type }, { track: { id: trackId } }, seconds * 1e6);
    const isHeld = cooldown.holds(hearing, event);
    if (!isHeld) cooldown.heard(hearing, event);
    return isHeld;
  };
  assert.equal(cooldown.holds(hearing, found({ type: 'zone.entered' }, { track: { id: 1 } }, 0)), false, 'what did not arrive does not count');
  assert.deepEqual([holds(1, 0), holds(1, 59), holds(2, 59), holds(1, 59, 'fall'), holds(1, 60), holds(1, 119)], [false, true, false, false, false, true]);
});
