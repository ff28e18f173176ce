import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { DescribeResponse, HealthResponse, validator } from '@ruth/protocol';
import { encodeMessage, MessageDecoder } from '@ruth/transport';
import { publishGrey, serveProbe, TIMEOUT_MS } from './harness.ts';

const names = (answer: { detections: { class_name: string }[] }): string[] => answer.detections.map((detection) => detection.class_name);

test('A frame by reference is answered with the detections of the whole frame', async (t) => {
  const { ask, ring: newRing, request } = await serveProbe(t);
  const ring = newRing({ width: 128, height: 64 });
  const answer = await ask(request(ring, publishGrey(ring, 0)));
  assert.equal(answer.error, null);
  assert.equal(answer.model_id, 'probe');
  assert.equal(answer.camera_id, 'cam');
  assert.equal(answer.frame_id, 0);
  // 128x64 lies in rows 16 to 48 of the 64x64 input: the person's rows 16..48 are the whole height, its columns 8..24 of 64 the same share.
  assert.deepEqual(answer.detections[0], { class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0.125, 0, 0.375, 1], track_id: null });
  assert.equal(answer.metadata.device, 'cpu');
  for (const key of ['inference_time_ms', 'queue_ms', 'preprocess_ms', 'postprocess_ms'] as const) assert.ok((answer.metadata[key] ?? -1) >= 0, key);
});

test('Overlap is thinned per class: the same thing once, different things in one place both', async (t) => {
  const { ask, ring: newRing, request } = await serveProbe(t);
  const ring = newRing();
  assert.deepEqual(names(await ask(request(ring, publishGrey(ring, 0)))), ['person', 'dog', 'cat']);
});

test('Each request has its own thresholds, classes and limit; the next one has the defaults again', async (t) => {
  const { ask, ring: newRing, request } = await serveProbe(t);
  const ring = newRing();
  const id = publishGrey(ring, 0);
  assert.deepEqual(names(await ask(request(ring, id, { confidence_threshold: 0.5 }))), ['person', 'dog']);
  assert.deepEqual(names(await ask(request(ring, id, { iou_threshold: 0.99 }))), ['person', 'dog', 'person', 'cat']);
  assert.deepEqual(names(await ask(request(ring, id, { classes: ['cat', 'dog'] }))), ['dog', 'cat']);
  assert.deepEqual(names(await ask(request(ring, id, { max_detections: 1 }))), ['person']);
  assert.deepEqual(names(await ask(request(ring, id, { confidence_threshold: 1 }))), []);
  assert.deepEqual(names(await ask(request(ring, id))), ['person', 'dog', 'cat']);
});

test('A region of interest is looked at alone, and its boxes are of the whole frame', async (t) => {
  const { ask, ring: newRing, request } = await serveProbe(t);
  const ring = newRing({ width: 256, height: 256 });
  const answer = await ask(request(ring, publishGrey(ring, 0), { roi: [0.5, 0.25, 1, 0.75] }));
  assert.deepEqual(answer.detections[0]?.bbox, [0.5 + 8 / 128, 0.25 + 16 / 128, 0.5 + 24 / 128, 0.25 + 48 / 128]);
});

test('Fields and settings that the contract does not know are ignored', async (t) => {
  const { ask, ring: newRing, request } = await serveProbe(t);
  const ring = newRing();
  const known = request(ring, publishGrey(ring, 0));
  const answer = await ask({ ...known, type: 'infer', colour: 'blue', config: { zoom: 3 }, frame_metadata: { ...known.frame_metadata, width: 64, height: 64, format: 'NV12', lens: 'wide' } });
  assert.equal(answer.error, null);
});

test('A client that connects, asks once and closes is served', async (t) => {
  const { container, ring: newRing, request } = await serveProbe(t);
  const ring = newRing();
  const id = publishGrey(ring, 0);
  const decoder = new MessageDecoder();
  const socket = connect(container.socketPath);
  socket.end(encodeMessage(request(ring, id)));
  for await (const chunk of socket) decoder.push(chunk as Buffer);
  const answer = decoder.next();
  assert.ok(answer.status === 'message' && (answer.value as { error: unknown }).error === null);
});

test('A new generation of a ring is noticed: the next frame comes from it, with its size', async (t) => {
  const { ask, ring: newRing, request } = await serveProbe(t);
  const first = newRing();
  assert.deepEqual((await ask(request(first, publishGrey(first, 0)))).detections[0]?.bbox, [0.125, 0.25, 0.375, 0.75]);
  const second = newRing({ width: 128, height: 64 });
  assert.deepEqual((await ask(request(second, publishGrey(second, 0)))).detections[0]?.bbox, [0.125, 0, 0.375, 1]);
});

test('More cameras than stay mapped at once are all served', async (t) => {
  const { ask, ring: newRing, request } = await serveProbe(t);
  const rings = Array.from({ length: 70 }, (_, index) => newRing({ cameraId: `cam_${index}`, slotCount: 1 }));
  for (let round = 0; round < 2; round++) {
    for (const ring of rings) assert.equal((await ask(request(ring, publishGrey(ring, 0)))).error, null);
  }
});

test('Describe answers the manifest and the limits', async (t) => {
  const { client } = await serveProbe(t);
  const answer = validator(DescribeResponse).parse(await client.request({ type: 'describe' }, { timeoutMs: TIMEOUT_MS }));
  assert.equal(answer.model_id, 'probe');
  assert.equal(answer.model_version, '1.2.3');
  assert.deepEqual(answer.classes, ['person', 'cat', 'dog']);
  assert.deepEqual(answer.input, { width: 64, height: 64 });
  assert.equal(answer.device, 'cpu');
  assert.deepEqual(answer.device_choice, { asked: 'auto', reason: 'auto takes the CPU; a GPU is used where it is named: cuda or webgpu' });
  assert.equal(answer.license, 'test');
  assert.deepEqual(answer.limits, { max_concurrency: 1, max_batch: 1 });
});

test('Health says ready after the first canary, and counts what was asked', async (t) => {
  const { client, ask } = await serveProbe(t);
  await ask({ type: 'infer' });
  const answer = validator(HealthResponse).parse(await client.request({ type: 'health' }, { timeoutMs: TIMEOUT_MS }));
  assert.equal(answer.status, 'ready');
  assert.ok(answer.last_canary_age_ms !== null);
  assert.equal(answer.counters.failed_bad_request, 1);
});

test('Each mistake has its own code and a sentence that names it, and none is an empty list of detections', async (t) => {
  const { ask, ring: newRing, request, ringDirectory } = await serveProbe(t);
  const ring = newRing({ slotCount: 2 });
  for (let index = 0; index < 5; index++) publishGrey(ring, 0);
  const good = request(ring, 4);
  symlinkSync(ring.path, join(ringDirectory, 'vas_frames_link'));
  writeFileSync(join(ringDirectory, 'vas_frames_text'), 'no ring at all');
  const cases: [what: string, request: unknown, code: string, names: RegExp][] = [
    ['a list', [good], 'bad_request', /JSON object/],
    ['a number', 7, 'bad_request', /JSON object/],
    ['another type', { ...good, type: 'train' }, 'bad_request', /train/],
    ['no frame', { ...good, frame_metadata: undefined }, 'bad_request', /frame_metadata/],
    ['a frame id that is text', { ...good, frame_metadata: { frame_id: '4' } }, 'bad_request', /frame_id/],
    ['a camera id with a slash', { ...good, camera_id: '../x' }, 'bad_request', /camera_id/],
    ['a threshold above 1', { ...good, config: { confidence_threshold: 2 } }, 'bad_request', /confidence_threshold/],
    ['an unknown class', { ...good, config: { classes: ['unicorn'] } }, 'bad_request', /unicorn/],
    ['a region without area', { ...good, config: { roi: [0.5, 0.5, 0.5, 1] } }, 'bad_request', /roi/],
    ['a width that is not so', { ...good, frame_metadata: { frame_id: 4, width: 65 } }, 'bad_request', /width is 65; the ring says 64/],
    ['a height that is not so', { ...good, frame_metadata: { frame_id: 4, height: 1 } }, 'bad_request', /height/],
    ['a layout that is not so', { ...good, frame_metadata: { frame_id: 4, format: 'I420' } }, 'bad_request', /I420/],
    ['a layout nobody reads', { ...good, frame_metadata: { frame_id: 4, format: 'RGB24' } }, 'unsupported_format', /RGB24/],
    ['another model', { ...good, model_id: 'yolov8n' }, 'wrong_model', /probe.*yolov8n/],
    ['a camera without a ring', { ...good, frame_reference: join(ringDirectory, 'vas_frames_none') }, 'frame_not_found', /vas_frames_none/],
    ['a frame that is not yet', request(ring, 99), 'frame_not_found', /99/],
    ['a frame that is gone', request(ring, 1), 'frame_overwritten', /1/],
    ['a way out of the folder', { ...good, frame_reference: '/dev/shm/../../etc/passwd' }, 'frame_unreadable', /passwd/],
    ['a way out that begins well', { ...good, frame_reference: `${ringDirectory}/../../../etc/passwd` }, 'frame_unreadable', /passwd/],
    ['a symlink', { ...good, frame_reference: join(ringDirectory, 'vas_frames_link') }, 'frame_unreadable', /link/],
    ['a file that is no ring', { ...good, frame_reference: join(ringDirectory, 'vas_frames_text') }, 'frame_unreadable', /text/],
  ];
  for (const [what, wrong, code, named] of cases) {
    const answer = await ask(wrong as Record<string, unknown>);
    assert.equal(answer.error_code, code, `${what}: ${answer.error}`);
    assert.match(answer.error ?? '', named, what);
    assert.deepEqual(answer.detections, []);
  }
  assert.equal((await ask(good)).error, null);
  const answered = await ask({ ...good, model_id: 'yolov8n' });
  assert.equal(answered.camera_id, 'cam');
  assert.equal(answered.frame_id, 4);
});

test('What is no JSON, or too long, gets an error response of the same shape', async (t) => {
  const { container } = await serveProbe(t);
  const garbage = Buffer.from('not json');
  const prefix = (length: number): Buffer => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(length); return bytes; };
  for (const sent of [Buffer.concat([prefix(garbage.length), garbage]), prefix(0xffff_ffff), prefix(0)]) {
    const decoder = new MessageDecoder();
    const socket = connect(container.socketPath);
    socket.end(sent);
    for await (const chunk of socket) decoder.push(chunk as Buffer);
    const answer = decoder.next();
    assert.ok(answer.status === 'message');
    const { error_code, error, detections } = answer.value as { error_code: string; error: string; detections: unknown };
    assert.equal(error_code, 'bad_request');
    assert.ok(error.length > 0);
    assert.deepEqual(detections, []);
  }
});
