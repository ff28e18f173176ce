// Just enough of WebAssembly's binary format for functions that work on one imported memory.
// Source: WebAssembly Core Specification 2.0, chapter 5.

export const I32 = 0x7f, F32 = 0x7d;

export interface WasmFunction {
  readonly name: string;
  readonly params: readonly number[];
  readonly results: readonly number[];
  /** Locals of type i32 behind the parameters. */
  readonly locals: number;
  readonly code: readonly (number | readonly number[])[];
}

const unsigned = (value: number): number[] => (value < 128 ? [value] : [value % 128 | 128, ...unsigned(Math.floor(value / 128))]);
const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const text = (value: string): number[] => sized([...Buffer.from(value)]);
const section = (id: number, content: readonly number[]): number[] => [id, ...sized(content)];

/** Its memory is imported as `env.memory`. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, vector(functions.map(({ params, results }) => [0x60, ...vector(params.map((type) => [type])), ...vector(results.map((type) => [type]))]))),
    ...section(2, vector([[...text('env'), ...text('memory'), 2, 0, 0]])),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(7, vector(functions.map(({ name }, index) => [...text(name), 0, ...unsigned(index)]))),
    ...section(10, vector(functions.map(({ locals, code }) => sized([...vector(locals > 0 ? [[...unsigned(locals), I32]] : []), ...code.flat(), 0x0b])))),
  ]);
}

/** A 32-bit constant, as signed LEB128. */
export function i32Const(value: number): number[] {
  const bytes = [0x41];
  for (let rest = value | 0; ; rest >>= 7) {
    const low = rest & 127;
    const done = (rest >> 7 === 0 && (low & 64) === 0) || (rest >> 7 === -1 && (low & 64) !== 0);
    bytes.push(done ? low : low | 128);
    if (done) return bytes;
  }
}

export const localGet = (index: number): number[] => [0x20, index];
export const localSet = (index: number): number[] => [0x21, index];
export const localTee = (index: number): number[] => [0x22, index];
/** A block to whose beginning `branchIf` of its depth goes. */
export const loop = (code: readonly (number | readonly number[])[]): number[] => [0x03, 0x40, ...code.flat(), 0x0b];
export const ifThen = (code: readonly (number | readonly number[])[]): number[] => [0x04, 0x40, ...code.flat(), 0x0b];
export const branchIf = (depth: number): number[] => [0x0d, depth];
export const RETURN = 0x0f, I32_LESS = 0x48, I32_AT_LEAST = 0x4e, I32_ADD = 0x6a, I32_SUB = 0x6b, I32_SHIFT_LEFT = 0x74, SELECT = 0x1b;

/** An instruction on lanes of 128 bits. */
const lanes = (opcode: number, ...immediates: number[]): number[] => [0xfd, ...unsigned(opcode), ...immediates];
export const load = (offset: number): number[] => lanes(0x00, 0, offset);
export const store = (offset: number): number[] => lanes(0x0b, 0, offset);
export const I32X4_SPLAT = lanes(0x11), F32X4_SPLAT = lanes(0x13), I32X4_AT_LEAST = lanes(0x3f), OR = lanes(0x50), ANY_TRUE = lanes(0x53);
export const BYTES_TO_I16_LOW = lanes(0x89), BYTES_TO_I16_HIGH = lanes(0x8a), I16_TO_I32_LOW = lanes(0xa9), I16_TO_I32_HIGH = lanes(0xaa);
export const F32X4_ADD = lanes(0xe4), F32X4_MUL = lanes(0xe6), I32X4_TO_F32 = lanes(0xfb);
