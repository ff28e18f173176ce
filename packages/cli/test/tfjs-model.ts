// Small TensorFlow.js graph models, written as a list of operations, for the converter's tests.
import type { TfjsModelJson } from '../src/index.ts';

type Node = TfjsModelJson['modelTopology']['node'][number];
type Attributes = NonNullable<Node['attr']>;

export interface ConstantSpec { readonly values: readonly number[]; readonly shape: readonly number[]; readonly type: 'float32' | 'int32' }

export const INPUT = 'input';

export const float = (shape: number[], values: readonly number[]): ConstantSpec => ({ shape, values, type: 'float32' });
export const int = (...values: number[]): ConstantSpec => ({ shape: [values.length], values, type: 'int32' });
export const scalar = (value: number): ConstantSpec => ({ shape: [], values: [value], type: 'int32' });

/** Numbers that look random and are the same every time. */
export function noise(count: number, seed = 1): number[] {
  return Array.from({ length: count }, (_, index) => Math.sin((index + seed) * 12.9898) * 3);
}

export const attributes = {
  text: (value: string) => ({ s: base64(value) }),
  texts: (...values: string[]) => ({ list: { s: values.map(base64) } }),
  integer: (value: number) => ({ i: value }),
  integers: (...values: number[]) => ({ list: { i: values } }),
  flag: (b: boolean) => ({ b }),
  type: (type: string) => ({ type }),
};

export interface OperationSpec { readonly op: string; readonly inputs: readonly (string | ConstantSpec)[]; readonly attr?: Attributes }

/** A model of one input and one output. The operations are named `step0`, `step1`, ...; the last gives the output unless told. */
export function tfjsModel(inputShape: readonly number[], operations: readonly OperationSpec[], options: { inputType?: string; outputType?: string; output?: string } = {}): { model: TfjsModelJson; weights: Uint8Array; output: string } {
  const { inputType = 'DT_FLOAT', outputType = 'DT_FLOAT' } = options;
  const tensorShape = { dim: inputShape.map((size) => ({ size: String(size) })) };
  const node: Node[] = [{ name: INPUT, op: 'Placeholder', attr: { dtype: { type: inputType }, shape: { shape: tensorShape } } }];
  const entries: TfjsModelJson['weightsManifest'][number]['weights'] = [];
  const bytes: Uint8Array[] = [];
  operations.forEach(({ op, inputs, attr = {} }, step) => {
    const operation = `step${step}`;
    const names = inputs.map((input, index) => {
      if (typeof input === 'string') return input;
      const constant = `${operation}/${index}`;
      node.push({ name: constant, op: 'Const', attr: { dtype: { type: input.type === 'float32' ? 'DT_FLOAT' : 'DT_INT32' } } });
      entries.push({ name: constant, shape: [...input.shape], dtype: input.type });
      const data = input.type === 'float32' ? Float32Array.from(input.values) : Int32Array.from(input.values);
      bytes.push(new Uint8Array(data.buffer));
      return constant;
    });
    node.push({ name: operation, op, input: names, attr: { T: { type: inputType }, ...attr } });
  });
  const output = options.output ?? `step${operations.length - 1}`;
  return {
    output, weights: Buffer.concat(bytes),
    model: {
      modelTopology: { node }, weightsManifest: [{ paths: ['weights.bin'], weights: entries }],
      signature: { inputs: { in: { name: `${INPUT}:0`, dtype: inputType, tensorShape } }, outputs: { out: { name: output, dtype: outputType } } },
    },
  };
}

function base64(text: string): string { return Buffer.from(text).toString('base64'); }
