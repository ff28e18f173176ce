// TensorFlow.js itself, as the converter's reference: the build inside @vladmandic/human, on its plain JavaScript backend.
import type { TfjsModelJson } from '../src/index.ts';

export interface Tensor { readonly shape: readonly number[]; readonly values: readonly number[] }

interface TfTensor { shape: number[]; data(): Promise<Iterable<number>> }
interface GraphModel { execute(input: TfTensor, outputs: string[]): TfTensor | TfTensor[] }
interface TensorFlow {
  env(): { setPlatform(name: string, platform: object): void };
  setBackend(name: string): Promise<boolean>;
  tensor(values: ArrayLike<number>, shape: readonly number[], type: 'float32' | 'int32'): TfTensor;
  loadGraphModel(handler: { load(): Promise<object> }): Promise<GraphModel>;
}

let loaded: Promise<TensorFlow> | undefined;

/** Runs a graph model on one input and gives the named outputs. */
export async function runTfjs(model: TfjsModelJson, weights: Uint8Array, input: { values: ArrayLike<number>; shape: readonly number[]; type: 'float32' | 'int32' }, outputs: string[]): Promise<Tensor[]> {
  const tf = await (loaded ??= load());
  const weightData = new Uint8Array(weights).buffer;
  const graph = await tf.loadGraphModel({
    load: async () => ({ modelTopology: { versions: {}, ...model.modelTopology }, weightSpecs: model.weightsManifest.flatMap((group) => group.weights), weightData, signature: model.signature }),
  });
  const result = graph.execute(tf.tensor(input.values, input.shape, input.type), outputs);
  return Promise.all([result].flat().map(async (tensor) => ({ shape: tensor.shape, values: Array.from(await tensor.data()) })));
}

async function load(): Promise<TensorFlow> {
  // This build is for browsers; where it sees Node it asks for a module that it does not carry. So it shall not see it.
  const versions = process.versions;
  Object.defineProperty(process, 'versions', { value: { ...versions, node: undefined }, configurable: true });
  const tf = await import(new URL('tfjs.esm.js', import.meta.resolve('@vladmandic/human')).href) as TensorFlow;
  Object.defineProperty(process, 'versions', { value: versions, configurable: true });
  tf.env().setPlatform('plain', {
    isTypedArray: (value: unknown) => ArrayBuffer.isView(value), now: () => performance.now(), setTimeoutCustom: setTimeout,
    encode: (text: string) => new TextEncoder().encode(text), decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
  });
  await tf.setBackend('cpu');
  return tf;
}
