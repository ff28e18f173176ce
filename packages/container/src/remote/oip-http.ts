// The Open Inference Protocol over HTTP. Tensors travel as bytes behind a JSON head where the server announces the extension for that
// (Triton does), else as JSON numbers, which costs a hundred times as much: take gRPC there.
import { RuthError } from '@ruth/protocol/base';
import { MOST_ANSWER_BYTES, tooLate, waitMs, type OipClient, type OipModel, type OipTarget } from './oip-client.ts';
import { toNumbers, type OipTensor } from './oip-tensor.ts';

const HEAD_LENGTH = 'inference-header-content-length';
const BINARY_EXTENSION = /^binary_tensor_data/;

interface Answer { readonly status: number; readonly headers: Headers; readonly body: Buffer }

interface InferAnswer {
  readonly outputs?: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[]; readonly data?: readonly unknown[]; readonly parameters?: { readonly binary_data_size?: number } }[];
}

export class OipHttp implements OipClient {
  readonly #target: OipTarget;
  readonly #base: string;
  readonly #takesBytes: boolean;

  private constructor(target: OipTarget, takesBytes: boolean) {
    this.#target = target;
    this.#base = basePath(target);
    this.#takesBytes = takesBytes;
  }

  static async open(target: OipTarget): Promise<OipHttp> {
    const answer = await ask(target, `${target.url.replace(/\/$/, '')}/v2`);
    const { extensions } = json(answer, target) as { extensions?: unknown };
    return new OipHttp(target, Array.isArray(extensions) && extensions.some((one) => BINARY_EXTENSION.test(String(one))));
  }

  async isReady(): Promise<boolean> {
    return (await ask(this.#target, `${this.#base}/ready`)).status === 200;
  }

  async describe(): Promise<OipModel> {
    const { inputs, outputs } = json(await ask(this.#target, this.#base), this.#target) as Partial<OipModel>;
    if (!Array.isArray(inputs) || !Array.isArray(outputs)) throw new RuthError('inference_failed', `${this.#target.url} does not say what ${this.#target.model} takes and gives`);
    return { inputs, outputs };
  }

  async infer(inputs: readonly OipTensor[], outputs: readonly string[], limitMs = Infinity): Promise<OipTensor[]> {
    const answer = await ask(this.#target, `${this.#base}/infer`, this.#takesBytes ? withBytes(inputs, outputs) : withNumbers(inputs, outputs), limitMs);
    const given = tensorsOf(answer, this.#target);
    return outputs.map((name) => {
      const tensor = given.find((one) => one.name === name);
      if (!tensor) throw new RuthError('inference_failed', `${this.#target.url} was asked for ${name} and gave ${given.map((one) => one.name).join(', ') || 'nothing'}`);
      return tensor;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Connections are those of the process.
  }
}

function basePath({ url, model, version }: OipTarget): string {
  return `${url.replace(/\/$/, '')}/v2/models/${encodeURIComponent(model)}${version === undefined ? '' : `/versions/${encodeURIComponent(version)}`}`;
}

function withBytes(inputs: readonly OipTensor[], outputs: readonly string[]): RequestInit {
  const head = Buffer.from(JSON.stringify({
    inputs: inputs.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, parameters: { binary_data_size: (data as Uint8Array).byteLength } })),
    outputs: outputs.map((name) => ({ name, parameters: { binary_data: true } })),
  }));
  return {
    method: 'POST', headers: { 'content-type': 'application/octet-stream', [HEAD_LENGTH]: String(head.length) }, body: Buffer.concat([head, ...inputs.map(({ data }) => data as Uint8Array)]),
  };
}

function withNumbers(inputs: readonly OipTensor[], outputs: readonly string[]): RequestInit {
  const body = JSON.stringify({ inputs: inputs.map((tensor) => ({ name: tensor.name, datatype: tensor.datatype, shape: tensor.shape, data: toNumbers(tensor) })), outputs: outputs.map((name) => ({ name })) });
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body };
}

function tensorsOf(answer: Answer, target: OipTarget): OipTensor[] {
  const head = answer.headers.get(HEAD_LENGTH);
  let at = head === null ? answer.body.length : Number(head);
  if (!(at >= 0 && at <= answer.body.length)) throw new RuthError('inference_failed', `${target.url} answers with a ${HEAD_LENGTH} of ${head}, of ${answer.body.length} bytes`);
  const { outputs = [] } = json({ ...answer, body: answer.body.subarray(0, at) }, target) as InferAnswer;
  return outputs.map(({ name, datatype, shape, data, parameters }) => {
    const bytes = parameters?.binary_data_size;
    if (bytes === undefined) return { name, datatype, shape, data: flat(data ?? []) };
    const part = answer.body.subarray(at, at += bytes);
    if (part.length !== bytes) throw new RuthError('inference_failed', `${target.url} promises ${bytes} bytes for ${name} and sends ${part.length}`);
    return { name, datatype, shape, data: part };
  });
}

/** Flat or nested, as the specification allows. */
function flat(data: readonly unknown[]): number[] {
  return data.flat(Infinity).map(Number);
}

/** An object. Throws `inference_failed` with the server's own words where it refused. */
function json({ status, body }: Answer, { url }: OipTarget): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    value = null;
  }
  const record = typeof value === 'object' && value !== null ? value as Record<string, unknown> : null;
  if (status === 200 && record) return record;
  const said = typeof record?.error === 'string' ? record.error.slice(0, 500) : status === 200 ? 'no JSON' : 'nothing more';
  throw new RuthError('inference_failed', `${url} answers with status ${status}: ${said}`);
}

async function ask(target: OipTarget, address: string, init: RequestInit = {}, limitMs = Infinity): Promise<Answer> {
  const { url } = target;
  const answerMs = waitMs(target, limitMs);
  try {
    const response = await fetch(address, { ...init, redirect: 'error', signal: AbortSignal.timeout(answerMs) });
    return { status: response.status, headers: response.headers, body: await bodyOf(response, url) };
  } catch (cause) {
    if (cause instanceof RuthError) throw cause;
    if ((cause as Error).name === 'TimeoutError') throw tooLate(target, answerMs, cause);
    const why = (cause as Error & { cause?: NodeJS.ErrnoException }).cause;
    throw new RuthError('unreachable', `${url} cannot be reached: ${why?.code ?? why?.message ?? (cause as Error).message}`, { cause });
  }
}

async function bodyOf(response: Response, url: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > MOST_ANSWER_BYTES) throw new RuthError('inference_failed', `${url} answers with more than ${MOST_ANSWER_BYTES} bytes`);
  }
  return Buffer.concat(chunks, bytes);
}
