// Copies against a real Ceph, which checks signatures and what was signed. Not part of `npm test`, which needs no Ceph:
//   apt install --no-install-recommends radosgw ceph-mon ceph-osd && node --test packages/copier/test/try-ceph.ts
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CopiesConfig } from '@ruth/protocol';
import { createLogger, secretReader } from '@ruth/transport';
import { Bucket, Copier, KeptRecordings, Refusal } from '../src/index.ts';
import { Ceph, SECRET_KEY, STRANGER } from './ceph.ts';
import { KernelStandIn } from './storage.ts';

const NOON_MS = Date.UTC(2026, 0, 5, 12);
const readSecret = secretReader({ SECRET: SECRET_KEY, STRANGER: STRANGER.secret, WRONG: 'another' });
const ceph = await Ceph.start();
after(() => ceph[Symbol.asyncDispose]());

function running(t: TestContext, kernel: KernelStandIn, prefix: string, changed: Partial<CopiesConfig> = {}): Copier {
  const config = { ...ceph.config, ...changed };
  const bucket = new Bucket(config, readSecret);
  const copier = new Copier({ kept: new KeptRecordings(kernel.socketPath), bucket, bucketName: config.bucket, prefix, maxMbps: Infinity, logger: createLogger('copier', 'error'), lookEveryMs: 50 });
  const ended = new AbortController();
  const run = copier.run(ended.signal);
  t.after(async () => {
    ended.abort();
    await run;
    bucket[Symbol.dispose]();
  });
  return copier;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const begunMs = performance.now(); !isSo(); await delay(20)) assert.ok(performance.now() - begunMs < 180_000, `not seen within three minutes: ${what}`);
}

void test('What is kept lies there byte by byte, under names with signs that are signed in a form of their own', async (t) => {
  const kernel = await KernelStandIn.start(t);
  const files = Array.from({ length: 20 }, (_, index) => kernel.keep('front.door_1', NOON_MS + index * 10_000, 700_000));
  const copier = running(t, kernel, "läden/nord 1+2 (alt)/'");
  await until('twenty copies', () => copier.status.copied_files === 20);
  for (const { kept: { file }, bytes } of files) assert.ok(bytes.equals(await ceph.read(`läden/nord 1+2 (alt)/'${file}`)), file);
  const again = running(t, kernel, "läden/nord 1+2 (alt)/'");
  await until('that it knows them', () => again.status.copied_files === 20 && again.status.state === 'ok');
  assert.equal(kernel.reads, 20);
});

void test('More than a page of a thousand names is read to its end', async (t) => {
  const kernel = await KernelStandIn.start(t);
  for (let index = 0; index < 1100; index++) kernel.keep('many', NOON_MS + index * 1000, 100);
  const first = running(t, kernel, 'pages/');
  await until('all', () => first.status.copied_files === 1100);
  const again = running(t, kernel, 'pages/');
  await until('that it knows them', () => again.status.copied_files === 1100);
  assert.equal(kernel.reads, 1100);
});

void test('Bytes that are not those that were signed are refused, and nothing of a file that is not what was recorded lies there', async (t) => {
  using bucket = new Bucket(ceph.config, readSecret);
  const bytes = randomBytes(2_000_000);
  await assert.rejects(bucket.put('refused.mp4', { body: Readable.from([bytes]), bytes: bytes.length, sha256: 'ab'.repeat(32) }, new AbortController().signal), (error) => error instanceof Refusal && /400 XAmzContentSHA256Mismatch$/.test(error.message));
  const kernel = await KernelStandIn.start(t);
  kernel.keep('door', NOON_MS, 2_000_000).bytes[1_000_000]! ^= 1;
  const copier = running(t, kernel, 'damaged/');
  await until('that it is damaged', () => copier.status.damaged_files === 1);
  assert.deepEqual((await ceph.names()).filter((name) => name.startsWith('refused') || name.startsWith('damaged')), []);
});

void test('Who is to change what is named', async (t) => {
  const kernel = await KernelStandIn.start(t);
  kernel.keep('door', NOON_MS);
  for (const [changed, expected] of [
    [{ secret_access_key: { env: 'WRONG' } }, /does not take the access key \(SignatureDoesNotMatch\): correct/],
    [{ access_key_id: 'NOBODY' }, /does not take the access key \(InvalidAccessKeyId\): correct/],
    [{ bucket: 'nowhere' }, /has no bucket nowhere in this region: make it/],
    [{ access_key_id: STRANGER.key, secret_access_key: { env: 'STRANGER' } }, /refuses STRANGERKEY: it needs s3:ListBucket, s3:GetObject and s3:PutObject for the bucket evidence/],
  ] as const) {
    const copier = running(t, kernel, 'wrong/', changed);
    await until(String(expected), () => copier.status.error !== null);
    assert.match(copier.status.error!, expected);
  }
});

void test('A quota that is reached, a gateway that is away and a storage that is full are told, and what waits is copied after', async (t) => {
  const kernel = await KernelStandIn.start(t);
  const [size, quota] = [300_000, async (...words: string[]): Promise<string> => ceph.admin('quota', ...words, '--quota-scope=bucket', '--uid=ruth')];
  const kept = [0, 1, 2, 3].map((index) => kernel.keep('door', NOON_MS + index * 10_000, size));
  // Whatever lies there already.
  await quota('set', '--max-size=1');
  await quota('enable');
  const copier = running(t, kernel, 'later/');
  await until('that the quota is reached', () => copier.status.state === 'failing');
  assert.match(copier.status.error!, /does not take it: 403 QuotaExceeded$/);
  await quota('disable');
  await until('all four', () => copier.status.copied_files === 4 && copier.status.refused_files === 0);

  await ceph.stopGateway();
  kept.push(kernel.keep('door', NOON_MS + 40_000, size));
  await until('that it is away', () => copier.status.state === 'failing');
  assert.match(copier.status.error!, /cannot be reached: .*ECONNREFUSED/);
  await ceph.startGateway();
  await until('five', () => copier.status.copied_files === 5);

  await ceph.setFull(true);
  kept.push(kernel.keep('door', NOON_MS + 50_000, size));
  await until('that it is silent', () => copier.status.refusal !== null || copier.status.error !== null);
  assert.match(copier.status.refusal ?? copier.status.error!, /does not answer: no connection within 5 s, or silence for 30 s, as of a storage that is full/);
  await ceph.setFull(false);
  await until('six', () => copier.status.copied_files === 6);
  for (const { kept: { file }, bytes } of kept) assert.ok(bytes.equals(await ceph.read(`later/${file}`)), file);
});
