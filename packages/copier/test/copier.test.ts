import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CopiesConfig, ProcessHealth } from '@ruth/protocol';
import { createLogger, secretReader } from '@ruth/transport';
import { checkedBytes, Pace } from '../src/checked-bytes.ts';
import { copierServer } from '../src/copier-http.ts';
import { Bucket, Copier, KeptRecordings } from '../src/index.ts';
import { Refusals } from '../src/refusals.ts';
import { KEY, KernelStandIn, storage, StorageInFront } from './storage.ts';

const NOON_MS = Date.UTC(2026, 0, 5, 12);
const readSecret = secretReader({ SECRET: KEY });

/** A copier that runs until the test ends, or is stopped. */
function running(t: TestContext, kernel: KernelStandIn, config: CopiesConfig, options: { prefix?: string; maxMbps?: number; refusals?: Refusals } = {}): { copier: Copier; stop: () => Promise<void> } {
  const bucket = new Bucket(config, readSecret);
  const copier = new Copier({ kept: new KeptRecordings(kernel.socketPath), bucket, bucketName: config.bucket, prefix: '', maxMbps: Infinity, logger: createLogger('copier', 'error'), lookEveryMs: 20, ...options });
  const ended = new AbortController();
  const run = copier.run(ended.signal);
  const stop = async (): Promise<void> => {
    ended.abort();
    await run;
  };
  t.after(async () => {
    await stop();
    bucket[Symbol.dispose]();
  });
  return { copier, stop };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const begunMs = performance.now(); !isSo(); await delay(10)) assert.ok(performance.now() - begunMs < 60_000, `not seen within a minute: ${what}`);
}

test('What is kept lies in the bucket byte by byte, what is kept later follows, and a copier that starts anew copies nothing twice', async (t) => {
  const [kernel, buckets] = [await KernelStandIn.start(t), await storage(t)];
  const files = [0, 1, 2, 3, 4].map((index) => kernel.keep('door', NOON_MS + index * 10_000));
  const first = running(t, kernel, buckets.config, { prefix: 'shop/north/' });
  await until('five copies', () => first.copier.status.copied_files === 5);
  for (const { kept: { file }, bytes } of files) assert.ok(bytes.equals(await buckets.read(`shop/north/${file}`)), file);
  assert.deepEqual({ ...first.copier.status, last_copied_at: null }, { bucket: 'evidence', state: 'ok', copied_files: 5, waiting_files: 0, waiting_bytes: 0, damaged_files: 0, refused_files: 0, refusal: null, last_copied_at: null, error: null });
  assert.ok(Math.abs(first.copier.status.last_copied_at! - Date.now() / 1000) < 60);
  const later = kernel.keep('yard', NOON_MS, 3_000_000);
  await until('the sixth', () => first.copier.status.copied_files === 6);
  assert.ok(later.bytes.equals(await buckets.read(`shop/north/${later.kept.file}`)));
  await first.stop();
  assert.equal(kernel.reads, 6);
  const second = running(t, kernel, buckets.config, { prefix: 'shop/north/' });
  await until('that it knows them', () => second.copier.status.copied_files === 6 && second.copier.status.state === 'ok');
  assert.equal(kernel.reads, 6);
  // What is no longer kept stays in the bucket, and is no longer counted.
  kernel.files.delete(later.kept.file);
  await until('five of six', () => second.copier.status.copied_files === 5);
  assert.ok(later.bytes.equals(await buckets.read(`shop/north/${later.kept.file}`)));
});

test('How far it is, it says on its socket, with the metrics that docs/metrics.md names', async (t) => {
  const [kernel, buckets] = [await KernelStandIn.start(t), await storage(t)];
  kernel.keep('door', NOON_MS);
  const { copier } = running(t, kernel, buckets.config);
  await until('a copy', () => copier.status.state === 'ok' && copier.status.copied_files === 1);
  const server = copierServer(copier).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const at = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/${path}`);
  assert.deepEqual(await (await at('copies')).json(), copier.status);
  assert.equal((await (await at('health')).json() as ProcessHealth).process, 'copier');
  assert.equal((await at('nothing')).status, 404);
  const told = [...(await (await at('metrics')).text()).matchAll(/^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)$/gm)].map(([, name, help, type]) => `| \`${name}\` | ${type} | - | ${help} |`);
  const documented = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8').split('\n').filter((line) => line.startsWith('| `ruth_copier_'));
  assert.deepEqual(told.toSorted(), documented.toSorted());
});

test('A storage that is away is told with what waits, and gets all when it is back', async (t) => {
  const [kernel, buckets] = [await KernelStandIn.start(t), await storage(t)];
  await buckets.stop();
  const files = [0, 1].map((index) => kernel.keep('door', NOON_MS + index * 10_000));
  const { copier } = running(t, kernel, buckets.config);
  await until('that it fails', () => copier.status.state === 'failing');
  assert.match(copier.status.error!, /^http:\/\/127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/);
  await buckets.start();
  await until('two copies', () => copier.status.copied_files === 2);
  for (const { kept: { file }, bytes } of files) assert.ok(bytes.equals(await buckets.read(file)));
  await until('that all is well', () => copier.status.state === 'ok' && copier.status.error === null);
});

test('A file that is not what was recorded is not copied, said, and keeps nothing else from being copied', async (t) => {
  const [kernel, buckets] = [await KernelStandIn.start(t), await storage(t)];
  const [bad, good, gone] = [0, 1, 2].map((index) => kernel.keep('door', NOON_MS + index * 10_000)) as [ReturnType<KernelStandIn['keep']>, ReturnType<KernelStandIn['keep']>, ReturnType<KernelStandIn['keep']>];
  bad.bytes[100_000]! ^= 1;
  gone.bytes = gone.bytes.subarray(1);
  const { copier, stop } = running(t, kernel, buckets.config);
  await until('one copy and one damaged', () => copier.status.copied_files === 1 && copier.status.damaged_files === 1);
  assert.ok(good.bytes.equals(await buckets.read(good.kept.file)));
  await assert.rejects(buckets.read(gone.kept.file), { name: 'NoSuchKey' });
  // This storage keeps what came of it. It is never whole, and never taken for a copy.
  assert.ok(await buckets.read(bad.kept.file).then(({ length }) => length < bad.bytes.length, () => true));
  assert.equal(copier.status.error, null);
  await stop();
  bad.bytes[100_000]! ^= 1;
  const again = running(t, kernel, buckets.config);
  await until('that it is copied, now that it is right', () => again.copier.status.copied_files === 2);
  assert.ok(bad.bytes.equals(await buckets.read(bad.kept.file)));
});

test('A file that the storage does not take waits behind the others, is told with why, and is copied once it is taken', async (t) => {
  const [kernel, buckets] = [await KernelStandIn.start(t), await storage(t)];
  const files = [0, 1, 2, 3, 4, 5].map((index) => kernel.keep('door', NOON_MS + index * 10_000));
  const refused = new Set([files[0]!.kept.file, files[3]!.kept.file]);
  const inFront = await StorageInFront.start(t, buckets.config.endpoint!, (file) => refused.has(file));
  const clock = { ms: 0 };
  const { copier } = running(t, kernel, { ...buckets.config, endpoint: inFront.endpoint }, { refusals: new Refusals({ nowMs: () => clock.ms }) });
  await until('four copies', () => copier.status.copied_files === 4 && copier.status.state === 'ok');
  assert.deepEqual([copier.status.refused_files, copier.status.waiting_files, copier.status.error], [2, 2, null]);
  assert.equal(copier.status.refusal, `${files[3]!.kept.file}: ${inFront.endpoint} does not take it: 400 EntityTooLarge, it is too large`);
  // Others go on meanwhile, and it is not tried before its time.
  const tries = inFront.refusals;
  kernel.keep('yard', NOON_MS);
  await until('the fifth', () => copier.status.copied_files === 5);
  assert.equal(inFront.refusals, tries);
  clock.ms += 60_001;
  await until('that both are tried again', () => inFront.refusals === tries + 2);
  // Now after two minutes.
  clock.ms += 60_001;
  kernel.keep('yard', NOON_MS + 10_000);
  await until('the sixth', () => copier.status.copied_files === 6);
  assert.equal(inFront.refusals, tries + 2);
  refused.clear();
  clock.ms += 60_001;
  await until('all', () => copier.status.copied_files === 8 && copier.status.refused_files === 0);
  for (const { kept: { file }, bytes } of files) assert.ok(bytes.equals(await buckets.read(file)));
});

test('A storage that takes nothing ends copying with one message, and the newest file finds out when it does again, although the oldest are never taken', async (t) => {
  const [kernel, buckets] = [await KernelStandIn.start(t), await storage(t)];
  const files = Array.from({ length: 9 }, (_, index) => kernel.keep('door', NOON_MS + index * 10_000));
  let takesNothing = true;
  const never = new Set(files.slice(0, 4).map(({ kept: { file } }) => file));
  const inFront = await StorageInFront.start(t, buckets.config.endpoint!, (file) => takesNothing || never.has(file));
  const { copier } = running(t, kernel, { ...buckets.config, endpoint: inFront.endpoint });
  await until('that it fails', () => copier.status.state === 'failing');
  assert.deepEqual([inFront.refusals, copier.status.error], [3, `${inFront.endpoint} does not take it: 400 EntityTooLarge, it is too large`]);
  takesNothing = false;
  await until('five copies', () => copier.status.copied_files === 5 && copier.status.state === 'ok');
  assert.deepEqual([copier.status.refused_files, copier.status.error], [4, null]);
});

test('What a person must change is named: a bucket that is not there, a key that is not known, a secret that is not set', async (t) => {
  const [kernel, { config }] = [await KernelStandIn.start(t), await storage(t)];
  kernel.keep('door', NOON_MS);
  for (const [changed, expected] of [
    [{ bucket: 'nowhere' }, /has no bucket nowhere in this region: make it, or correct copies\.bucket/],
    [{ access_key_id: 'NOBODY' }, /does not take the access key \(InvalidAccessKeyId\): correct copies\.access_key_id or/],
    [{ secret_access_key: { env: 'NOT_SET' } }, /the environment variable NOT_SET is not set/],
  ] as const) {
    const { copier, stop } = running(t, kernel, { ...config, ...changed });
    await until(String(expected), () => copier.status.error !== null);
    assert.match(copier.status.error!, expected);
    await stop();
  }
});

test('The hash of what is put is signed, so that every storage refuses other bytes, also one that ignores checksums', async (t) => {
  const [kernel, buckets] = [await KernelStandIn.start(t), await storage(t)];
  const { kept: { file, sha256 } } = kernel.keep('door', NOON_MS);
  const inFront = await StorageInFront.start(t, buckets.config.endpoint!, () => false);
  const { copier } = running(t, kernel, { ...buckets.config, endpoint: inFront.endpoint });
  await until('a copy', () => copier.status.copied_files === 1);
  assert.equal(inFront.signed.get(file), sha256);
});

test('A storage that refuses for a reason of its own is quoted, and is not said to lack a permission', async (t) => {
  const [kernel, buckets] = [await KernelStandIn.start(t), await storage(t)];
  kernel.keep('door', NOON_MS);
  const inFront = await StorageInFront.start(t, buckets.config.endpoint!, () => true);
  for (const [code, message, expected] of [
    ['QuotaExceeded', '', `${inFront.endpoint} does not take it: 403 QuotaExceeded`],
    ['UserSuspended', 'ask the keeper', `${inFront.endpoint} does not take it: 403 UserSuspended, ask the keeper`],
    ['AccessDenied', '', `${inFront.endpoint} refuses ${KEY}: it needs s3:ListBucket, s3:GetObject and s3:PutObject for the bucket evidence`],
  ] as const) {
    inFront.refusal = { status: 403, code, message };
    const { copier, stop } = running(t, kernel, { ...buckets.config, endpoint: inFront.endpoint });
    await until(code, () => copier.status.refused_files === 1);
    assert.match(copier.status.refusal!, /^door\/.*\.mp4: /);
    assert.equal(copier.status.refusal!.slice(copier.status.refusal!.indexOf(': ') + 2), expected);
    await stop();
  }
});

test('Bytes go no faster than they may, and not all of them where they are not the right ones', async () => {
  const signal = new AbortController().signal;
  const chunks = async function* (): AsyncGenerator<Buffer> { for (let index = 0; index < 5; index++) yield Buffer.alloc(10_000, index); };
  const taken = async (source: AsyncIterable<Buffer>, into: Buffer[] = []): Promise<Buffer> => {
    for await (const chunk of source) into.push(chunk);
    return Buffer.concat(into);
  };
  const all = await taken(chunks());
  const sha256 = createHash('sha256').update(all).digest('hex');
  const startedMs = performance.now();
  const got = await taken(checkedBytes(chunks(), { file: 'x', sha256 }, new Pace(2), signal));
  // Four of the five wait for one before: 40 000 bytes at 250 a millisecond.
  assert.ok(performance.now() - startedMs >= 155, 'it waited');
  assert.ok(got.equals(all));
  const some: Buffer[] = [];
  await assert.rejects(taken(checkedBytes(chunks(), { file: 'x', sha256: sha256.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) }, new Pace(Infinity), signal), some), /x is not what was recorded/);
  assert.equal(some.length, 4);
});
