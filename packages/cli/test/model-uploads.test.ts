// Files that are sent to a node: whole with their hash, or not there at all; and through the server to a job that tries them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { ModelUpload, supervisorSocketPath, validator, type ErrorBody } from '@ruth/protocol';
import { createControl, listenForControl, ModelJobs, ModelUploads } from '../src/index.ts';

const place = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-uploads-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
const bytesOf = (text: string): Readable => Readable.from([Buffer.from(text)]);

test('an upload is whole with its hash, or leaves nothing; and goes when it was tried, when it was waited for in vain, or when newer ones come', async (t) => {
  const folder = place(t);
  const directory = join(folder, 'uploads');
  mkdirSync(join(directory, 'left-by-a-crash'), { recursive: true });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  using uploads = new ModelUploads({ directory, modelsDirectory: join(folder, 'models'), mostBytes: 100 });
  assert.ok(!existsSync(directory), 'what an earlier run left is gone');

  const upload = await uploads.take('my Model (1).onnx', 5, bytesOf('hello'));
  assert.deepEqual(validator(ModelUpload).violations(upload), []);
  assert.deepEqual([upload.bytes, upload.sha256, upload.file_name], [5, createHash('sha256').update('hello').digest('hex'), 'my Model (1).onnx']);
  const { path, fileName } = uploads.use(upload.upload_id);
  assert.deepEqual([path.endsWith('/my-Model-1.onnx'), fileName, readFileSync(path, 'utf8')], [true, 'my Model (1).onnx', 'hello']);
  assert.throws(() => uploads.discard(upload.upload_id), { code: 'invalid_state' });

  for (const name of ['../x.onnx', '/etc/x.onnx', 'a\\b.onnx', 'weights.bin', '.onnx', 'x\n.onnx']) await assert.rejects(uploads.take(name, 5, bytesOf('hello')), { code: 'bad_request' }, name);
  await assert.rejects(uploads.take('x.onnx', null, bytesOf('hello')), { code: 'bad_request', message: /Content-Length/ });
  await assert.rejects(uploads.take('x.onnx', 0, bytesOf('')), { code: 'bad_request', message: /empty/ });
  await assert.rejects(uploads.take('x.onnx', 101, bytesOf('hello')), { code: 'bad_request', message: /0\.0 MB are allowed/ });
  await assert.rejects(uploads.take('x.onnx', 6, bytesOf('hello')), { code: 'bad_request', message: '5 bytes came, and 6 were announced' });
  // Often, for it fails while its file is being made.
  for (let n = 0; n < 300; n++) await assert.rejects(uploads.take('x.onnx', 4, bytesOf('hello')), { code: 'bad_request' });
  const broken = new Readable({ read() { this.destroy(new Error('the line broke')); } });
  await assert.rejects(uploads.take('x.onnx', 5, broken), /the line broke/);
  const slow = new Readable({ read: () => undefined });
  const taking = uploads.take('slow.onnx', 2, slow);
  await assert.rejects(uploads.take('x.onnx', 5, bytesOf('hello')), { code: 'invalid_state', message: /another file is coming in/ });
  slow.push('ok');
  slow.push(null);
  const { upload_id: slowId } = await taking;
  assert.deepEqual(readdirSync(directory).toSorted(), [upload.upload_id, slowId].toSorted(), 'of what failed nothing is left');

  // Three wait at most, beside what is in use; for an hour at most.
  for (let n = 0; n < 3; n++) await uploads.take('x.onnx', 5, bytesOf('hello'));
  assert.ok(!existsSync(join(directory, slowId)));
  t.mock.timers.tick(60 * 60_000);
  assert.deepEqual(readdirSync(directory), [upload.upload_id]);
  uploads.remove(upload.upload_id);
  assert.deepEqual(readdirSync(directory), []);
  assert.throws(() => uploads.use(upload.upload_id), { code: 'not_found' });

  const tight = new ModelUploads({ directory: join(folder, 'tight'), modelsDirectory: join(folder, 'models'), freeBytes: () => 256e6 + 9 });
  await assert.rejects(tight.take('x.onnx', 5, bytesOf('hello')), { code: 'disk_full', message: /the model needs 0\.0 MB/ });
});

test('over the control API a file is sent and a job tries it, after which it is gone; what is broken off leaves nothing', async (t) => {
  const folder = place(t);
  const config = join(folder, 'ruth.yaml');
  writeFileSync(config, `paths: {socket_directory: ${folder}, models_directory: ${folder}/models}\nmodels: []\n`);
  using uploads = new ModelUploads({ directory: join(folder, 'uploads'), modelsDirectory: join(folder, 'models') });
  await using jobs = new ModelJobs(config, uploads);
  const control = createControl(null as never, null as never, null as never, { jobs, uploads });
  t.after(() => control.close());
  await listenForControl(control, folder);
  const send = (path: string, headers: Record<string, string>, body: Buffer): Promise<{ status: number; text: string }> => new Promise((resolve, reject) => {
    const asking = request({ socketPath: supervisorSocketPath(folder), method: 'POST', path, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => resolve({ status: answer.statusCode!, text }));
    });
    asking.on('error', reject).end(body);
  });
  const octets = { 'content-type': 'application/octet-stream' };

  const cut = request({ socketPath: supervisorSocketPath(folder), method: 'POST', path: '/v1/model-uploads?file_name=cut.onnx', headers: { ...octets, 'content-length': '1000000' } }).on('error', () => undefined);
  cut.write(Buffer.alloc(1000));
  while (!existsSync(join(folder, 'uploads')) || readdirSync(join(folder, 'uploads')).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  cut.destroy();
  while (readdirSync(join(folder, 'uploads')).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));

  const noModel = Buffer.from('this is no model');
  const sent = await send('/v1/model-uploads?file_name=no%20model.onnx', octets, noModel);
  assert.equal(sent.status, 201, sent.text);
  const { upload_id: id, sha256 } = JSON.parse(sent.text) as ModelUpload;
  assert.equal(sha256, createHash('sha256').update(noModel).digest('hex'));
  const wrong = await send('/v1/model-uploads?file_name=x.bin', octets, noModel);
  assert.deepEqual([wrong.status, (JSON.parse(wrong.text) as ErrorBody).error_code], [400, 'bad_request']);

  const { job_id: jobId, source } = jobs.start({ kind: 'add', source: `upload:${id}` });
  assert.equal(source, 'no model.onnx');
  assert.throws(() => uploads.discard(id), { code: 'invalid_state' });
  while (jobs.get(jobId).state === 'running' || readdirSync(join(folder, 'uploads')).length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  const { state, error_code: code, error } = jobs.get(jobId);
  assert.deepEqual([state, code], ['failed', 'model_invalid'], error!);
  assert.match(error!, /^no-model\.onnx is not an ONNX model/);
  assert.ok(!existsSync(join(folder, 'models', 'no-model')));
  assert.throws(() => jobs.start({ kind: 'add', source: `upload:${id}` }), { code: 'not_found' });
});
