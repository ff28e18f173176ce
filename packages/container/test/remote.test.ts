import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuthError } from '@ruth/protocol';
import { loadModel } from '../src/index.ts';
import { toOutput } from '../src/remote/oip-tensor.ts';
import { MANIFEST, modelFolder, probeModel, publishGrey, serveProbe, startProcess, freshFolder, until, type Bench } from './harness.ts';
import { oipServer } from './oip-server.ts';
import { onnxFile } from './onnx-writer.ts';

const manifestOf = (url: string, more = ''): string => MANIFEST.replace(/model_type: onnx\nmodel_weights: .*\n/, `model_type: remote\nremote: { url: '${url}', model: detector${more} }\n`);

async function look(bench: Bench, brightness: number): ReturnType<Bench['ask']> {
  const ring = bench.ring();
  const answer = await bench.ask(bench.request(ring, publishGrey(ring, brightness)));
  ring.close();
  return answer;
}

for (const [way, takesBytes] of [['http', true], ['http', false], ['grpc', true], ['grpc', false]] as const) {
  test(`A model on a server elsewhere, reached over ${way}, sees what it sees here, ${takesBytes ? 'in bytes' : 'where the server gives numbers'}`, async (t) => {
    const server = await oipServer(t, probeModel(), { takesBytes });
    const here = await serveProbe(t);
    const there = await serveProbe(t, { manifest: manifestOf(server[way]) });
    const [expected, answer] = [await look(here, 120), await look(there, 120)];
    assert.equal(answer.error, null);
    assert.ok(expected.detections.length > 0);
    assert.deepEqual(answer.detections, expected.detections);
    assert.equal(answer.metadata.device, 'remote');
    assert.ok(server.looks[way === 'http' && !takesBytes ? 'numbers' : 'bytes'] >= 2);
  });
}

for (const way of ['http', 'grpc'] as const) {
  test(`A server that hangs, fails, lies, or is not ready makes looks fail and the container degraded; it is ready again by itself (${way})`, async (t) => {
    const server = await oipServer(t, probeModel());
    const bench = await serveProbe(t, { manifest: manifestOf(server[way], ', timeout_ms: 300'), canaryIntervalMs: 100 });
    for (const [mood, why] of [['hangs', /no answer within 300 ms/], ['fails', /fallen off the bus/], ['lies', /gives 23 numbers for rows, whose shape \[1, 4, 6\] has 24/]] as const) {
      server.mood[mood] = true;
      let answer = await look(bench, 10);
      // On a busy machine a look may come too late, or meet the canary that hangs: then it fails for that, and sees nothing either.
      for (let tries = 0; tries < 20 && !why.test(answer.error ?? ''); tries++) {
        assert.deepEqual([answer.detections, ['inference_failed', 'overloaded', 'deadline_exceeded'].includes(answer.error_code ?? '')], [[], true], answer.error ?? undefined);
        answer = await look(bench, 10);
      }
      assert.equal(answer.error_code, 'inference_failed');
      assert.match(answer.error!, why);
      assert.deepEqual(answer.detections, []);
      await until(() => bench.container.health().status === 'degraded');
      server.mood[mood] = false;
      await until(() => bench.container.health().status === 'ready');
    }
    // Nobody asks for a look meanwhile: the canary sees it.
    server.mood.isReady = false;
    await until(() => bench.container.health().status === 'degraded');
    server.mood.isReady = true;
    await until(() => bench.container.health().status === 'ready');
    await server.close();
    await until(() => bench.container.health().status === 'degraded');
    assert.match((await look(bench, 10)).error!, /cannot be reached/);
  });
}

test('Of a look at a region its crop alone goes to the server, and boxes come back of the whole frame', async (t) => {
  const server = await oipServer(t, probeModel());
  const [here, there] = [await serveProbe(t), await serveProbe(t, { manifest: manifestOf(server.grpc) })];
  const [expected, answer] = await Promise.all([here, there].map((bench) => {
    const ring = bench.ring({ width: 640, height: 480 });
    return bench.ask(bench.request(ring, publishGrey(ring, 120), { roi: [0.25, 0.5, 0.5, 0.75] }));
  }));
  assert.ok(expected!.detections.length > 0);
  assert.deepEqual(answer!.detections, expected!.detections);
  assert.deepEqual(server.asked.at(-1)!.shape, [1, 3, 64, 64]);
});

test('A look that has less time than the server is given up in time, and says nothing of the server', async (t) => {
  const server = await oipServer(t, probeModel());
  const bench = await serveProbe(t, { manifest: manifestOf(server.grpc, ', timeout_ms: 30000'), canaryIntervalMs: 60_000, inferenceLimitMs: 60_000 });
  server.mood.hangs = true;
  const ring = bench.ring();
  const answer = await bench.ask(bench.request(ring, publishGrey(ring, 10), { deadline_ms: 300 }));
  assert.deepEqual([answer.error_code, answer.detections], ['deadline_exceeded', []]);
  assert.ok(server.asked.at(-1)!.waitMs <= 300, 'the deadline travels with the call');
  assert.equal(bench.container.health().status, 'ready');
});

for (const way of ['http', 'grpc'] as const) {
  test(`Where the server is away or too slow the fallback looks, each look says by what, and the server has the looks back by itself (${way})`, async (t) => {
    const server = await oipServer(t, probeModel());
    const bench = await serveProbe(t, { manifest: manifestOf(server[way], ', timeout_ms: 300, fallback: probe.onnx'), canaryIntervalMs: 100 });
    const expected = (await look(bench, 120)).detections;
    const lookedOn = async (device: string): Promise<void> => {
      for (let answer = await look(bench, 120); answer.metadata.device !== device; answer = await look(bench, 120)) assert.equal(answer.error, null);
    };
    await lookedOn('remote');
    for (const mood of ['hangs', 'fails'] as const) {
      server.mood[mood] = true;
      // The look that met the failure is answered, too.
      const answer = await look(bench, 120);
      assert.deepEqual([answer.error, answer.metadata.device, answer.detections], [null, 'cpu', expected]);
      server.mood.isReady = false;
      await lookedOn('cpu');
      const { status, counters } = bench.container.health();
      assert.deepEqual([status, counters.fallback_active], ['ready', 1]);
      server.mood[mood] = false;
      server.mood.isReady = true;
      await lookedOn('remote');
      assert.equal(bench.container.health().counters.fallback_active, 0);
    }
    assert.ok(bench.container.health().counters.fallback_looks! >= 4);
    await server.close();
    await lookedOn('cpu');
    assert.equal(bench.container.health().status, 'ready');
  });
}

test('A container with a fallback begins where the server is away, and takes no other model for the one that it stands for', async (t) => {
  const bench = await serveProbe(t, { manifest: manifestOf('grpc://127.0.0.1:9', ', timeout_ms: 300, fallback: probe.onnx'), canaryIntervalMs: 100 });
  const answer = await look(bench, 120);
  assert.deepEqual([answer.error, answer.metadata.device], [null, 'cpu']);
  const server = await oipServer(t, probeModel());
  const other = onnxFile({ inputs: [{ name: 'image', type: 'float32', dims: [1, 3, 64, 64] }], nodes: [{ op: 'Identity', inputs: ['known'], output: 'rows' }], constants: { known: new Float32Array(12) }, constantDims: { known: [1, 2, 6] }, outputs: [{ name: 'rows', type: 'float32', dims: [1, 2, 6] }] });
  await assert.rejects(serveProbe(t, { manifest: manifestOf(server.grpc, ', fallback: probe.onnx'), weights: other }), { code: 'model_invalid', message: /are not the same model: output rows is \[1, 4, 6\] there and \[1, 2, 6\] here/ });
  await assert.rejects(serveProbe(t, { manifest: manifestOf(server.grpc, ', fallback: nothing.onnx') }), { code: 'model_invalid', message: /nothing\.onnx is missing/ });
});

test('A server that goes and comes back is found again', async (t) => {
  const first = await oipServer(t, probeModel());
  const bench = await serveProbe(t, { manifest: manifestOf(first.http), canaryIntervalMs: 100 });
  await first.close();
  await until(() => bench.container.health().status === 'degraded');
  await oipServer(t, probeModel(), { httpPort: Number(new URL(first.http).port) });
  await until(() => bench.container.health().status === 'ready');
  assert.equal((await look(bench, 10)).error, null);
});

test('What the server has must be what the manifest says', async (t) => {
  const server = await oipServer(t, probeModel());
  const refused = async (manifest: string, code: string, message: RegExp): Promise<void> => {
    await assert.rejects(serveProbe(t, { manifest }), (error: RuthError) => error.code === code && (assert.match(error.message, message), true));
  };
  await refused(manifestOf(server.grpc).replace('width: 64', 'width: 96'), 'model_invalid', /grpc:\/\/127\.0\.0\.1:\d+, model detector: input image takes float32 \[1, 3, 64, 64\]; model.yaml says float32 \[1, 3, 64, 96\]/);
  await refused(manifestOf(server.http).replace('output: rows', 'output: columns'), 'model_invalid', /names "columns"; the model's outputs are rows/);
  await refused(manifestOf(server.http).replace('model: detector', 'model: other'), 'unreachable', /model other: the server answers, but says that the model is not ready/);
  await refused(manifestOf(server.grpc).replace('model: detector', 'model: other'), 'inference_failed', /INTERNAL: unknown model other/);
});

test('A container whose server is not there yet says so, and that another try can help', async (t) => {
  const folder = modelFolder(t, { manifest: manifestOf('grpc://127.0.0.1:9') });
  assert.equal((await loadModel(folder)).weightsPath, '');
  const { message } = startProcess(t, folder, { socketDirectory: freshFolder(t) });
  const { type, code, message: text } = await message;
  assert.deepEqual([type, code], ['failed', 'unreachable']);
  assert.match(String(text), /grpc:\/\/127\.0\.0\.1:9 cannot be reached/);
  assert.ok(new RuthError('unreachable', '').retryable);
});

test('Numbers of every kind become floats, wherever their bytes lie', () => {
  const odd = (data: ArrayBufferView): Uint8Array => {
    const bytes = new Uint8Array(data.byteLength + 1);
    bytes.set(new Uint8Array(data.buffer), 1);
    return bytes.subarray(1);
  };
  for (const [datatype, data] of [
    ['FP32', Float32Array.of(-1, 2)], ['FP64', Float64Array.of(-1, 2)], ['FP16', Float16Array.of(-1, 2)], ['INT64', BigInt64Array.of(-1n, 2n)], ['INT32', Int32Array.of(-1, 2)], ['INT8', Int8Array.of(-1, 2)],
  ] as const) {
    for (const bytes of [new Uint8Array(data.buffer), odd(data)]) assert.deepEqual([...toOutput({ name: 'a', datatype, shape: [2], data: bytes }).data], [-1, 2], datatype);
  }
  assert.throws(() => toOutput({ name: 'a', datatype: 'BYTES', shape: [1], data: new Uint8Array(4) }), /gives BYTES for a, which holds no numbers/);
});
