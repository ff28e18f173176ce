// A server of the Open Inference Protocol, over HTTP and gRPC, that really runs an ONNX model. It can be told to be not ready, to
// hang, to fail, and to take JSON numbers alone.
import type { TestContext } from 'node:test';
import { Server, ServerCredentials, loadPackageDefinition, status, type handleUnaryCall, type ServiceClientConstructor } from '@grpc/grpc-js';
import Fastify from 'fastify';
import * as ort from 'onnxruntime-node';
import { DATATYPES, datatypeOf, numbersOf } from '../src/remote/oip-tensor.ts';
import { openInference } from '../src/remote/oip-grpc.ts';

export interface OipServer {
  readonly http: string;
  readonly grpc: string;
  /** How it behaves from now on. */
  readonly mood: { isReady: boolean; hangs: boolean; fails: boolean; lies: boolean };
  /** Looks it was asked for, and how the pictures came. */
  readonly looks: { bytes: number; numbers: number };
  /** Of each look over gRPC: the shape of its first input, and how long the caller waits, ms. */
  readonly asked: { readonly shape: readonly number[]; readonly waitMs: number }[];
  close(): Promise<void>;
}

interface WireTensor { name: string; datatype: string; shape: number[]; data?: number[]; parameters?: { binary_data_size?: number } }

const MODEL = 'detector';

export async function oipServer(t: TestContext, weights: Buffer, { takesBytes = true, httpPort = 0 }: { takesBytes?: boolean; httpPort?: number } = {}): Promise<OipServer> {
  const session = await ort.InferenceSession.create(weights, { intraOpNumThreads: 1 });
  const mood = { isReady: true, hangs: false, fails: false, lies: false };
  const looks = { bytes: 0, numbers: 0 };
  const asked: { shape: readonly number[]; waitMs: number }[] = [];
  const ports = (metadata: readonly ort.InferenceSession.ValueMetadata[]) => metadata.map((meta) => {
    const { name, type, shape } = meta as Extract<ort.InferenceSession.ValueMetadata, { isTensor: true }>;
    return { name, datatype: datatypeOf(type), shape: shape.map((size) => (typeof size === 'number' ? size : -1)) };
  });
  const described = { name: MODEL, versions: ['1'], platform: 'onnxruntime_onnx', inputs: ports(session.inputMetadata), outputs: ports(session.outputMetadata) };

  const infer = async (inputs: readonly (WireTensor & { bytes: Uint8Array })[], wanted: readonly string[]): Promise<{ port: WireTensor; bytes: Buffer }[]> => {
    if (mood.hangs) await new Promise<never>(() => undefined);
    if (mood.fails) throw new Error('the GPU has fallen off the bus');
    const feeds = Object.fromEntries(inputs.map(({ name, datatype, shape, bytes }) => {
      const known = DATATYPES[datatype]!;
      return [name, new ort.Tensor(known.type as 'float32', numbersOf(bytes, known) as Float32Array, shape)];
    }));
    const results = await session.run(feeds, [...wanted]);
    return wanted.map((name) => {
      const { type, dims, data } = results[name]!;
      const { buffer, byteOffset, byteLength } = data as Float32Array;
      const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, mood.lies ? byteLength - 4 : byteLength);
      return { port: { name, datatype: datatypeOf(type), shape: [...dims] }, bytes };
    });
  };

  const http = Fastify({ bodyLimit: 64 << 20, forceCloseConnections: true });
  http.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  http.get('/v2', () => ({ name: 'test', version: '1', extensions: takesBytes ? ['binary_tensor_data'] : [] }));
  http.get(`/v2/models/${MODEL}/ready`, (_request, reply) => reply.code(mood.isReady ? 200 : 503).send());
  http.get(`/v2/models/${MODEL}`, () => described);
  http.post(`/v2/models/${MODEL}/infer`, async (request, reply) => {
    const headLength = request.headers['inference-header-content-length'];
    const body = request.body as Buffer;
    const { inputs, outputs } = (headLength === undefined ? request.body : JSON.parse(body.subarray(0, Number(headLength)).toString())) as { inputs: WireTensor[]; outputs: { name: string; parameters?: { binary_data?: boolean } }[] };
    let at = Number(headLength);
    const given = inputs.map((tensor) => {
      const size = tensor.parameters?.binary_data_size;
      looks[size === undefined ? 'numbers' : 'bytes']++;
      return { ...tensor, bytes: size === undefined ? new Uint8Array(Float32Array.from(tensor.data!).buffer) : body.subarray(at, at += size) };
    });
    try {
      const answers = await infer(given, outputs.map(({ name }) => name));
      if (outputs[0]?.parameters?.binary_data !== true) {
        return { model_name: MODEL, outputs: answers.map(({ port, bytes }) => ({ ...port, data: Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)) })) };
      }
      const head = Buffer.from(JSON.stringify({ model_name: MODEL, outputs: answers.map(({ port, bytes }) => ({ ...port, parameters: { binary_data_size: bytes.length } })) }));
      return await reply.header('inference-header-content-length', head.length).type('application/octet-stream').send(Buffer.concat([head, ...answers.map(({ bytes }) => bytes)]));
    } catch (error) {
      return reply.code(500).send({ error: (error as Error).message });
    }
  });
  await http.listen({ host: '127.0.0.1', port: httpPort });

  const grpc = new Server({ 'grpc.max_receive_message_length': 64 << 20 });
  const unary = (run: (request: Record<string, unknown>, deadline: number) => Promise<object>): handleUnaryCall<Record<string, unknown>, object> => (call, done) => {
    run(call.request, Number(call.getDeadline())).then((answer) => done(null, answer), (error: unknown) => done({ code: status.INTERNAL, details: (error as Error).message }));
  };
  const { inference } = loadPackageDefinition(openInference()) as unknown as { inference: { GRPCInferenceService: ServiceClientConstructor } };
  grpc.addService(inference.GRPCInferenceService.service, {
    ServerReady: unary(async () => ({ ready: mood.isReady })),
    ModelReady: unary(async () => ({ ready: mood.isReady })),
    ModelMetadata: unary(async ({ name }) => {
      if (name !== MODEL) throw new Error(`unknown model ${String(name)}`);
      return described;
    }),
    ModelInfer: unary(async (request, deadline) => {
      const { inputs, outputs, raw_input_contents: raw } = request as unknown as { inputs: WireTensor[]; outputs: { name: string }[]; raw_input_contents: Buffer[] };
      looks.bytes++;
      asked.push({ shape: inputs[0]!.shape, waitMs: deadline - Date.now() });
      const answers = await infer(inputs.map((tensor, index) => ({ ...tensor, bytes: raw[index]! })), outputs.map(({ name }) => name));
      // Servers may answer with bytes or with numbers.
      return takesBytes ? { model_name: MODEL, outputs: answers.map(({ port }) => port), raw_output_contents: answers.map(({ bytes }) => bytes) }
        : { model_name: MODEL, outputs: answers.map(({ port, bytes }) => ({ ...port, contents: { fp32_contents: Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)) } })) };
    }),
  });
  const grpcPort = await new Promise<number>((resolve, reject) => { grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))); });
  const close = async (): Promise<void> => {
    grpc.forceShutdown();
    await http.close();
  };
  t.after(async () => {
    await close();
    await session.release();
  });
  return { http: `http://127.0.0.1:${(http.server.address() as { port: number }).port}`, grpc: `grpc://127.0.0.1:${grpcPort}`, mood, looks, asked, close };
}
