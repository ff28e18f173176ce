// A server of the Open Inference Protocol in a process of its own, which really runs an ONNX file (argument): prints where it listens over gRPC.
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { oipServer } from '../packages/container/test/oip-server.ts';

void test('serves', { timeout: 600_000 }, async (t) => {
  const server = await oipServer(t, await readFile(process.argv[2]!));
  console.log(`listens ${server.grpc}`);
  await new Promise(() => undefined);
});
