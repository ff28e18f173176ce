// Memory in which two loops over millions of numbers run sixteen at a time: bytes of a picture become floats of a tensor, and the few
// scores that count are found among all. JavaScript does one number after the other, and takes five times as long.
import {
  ANY_TRUE, assemble, branchIf, BYTES_TO_I16_HIGH, BYTES_TO_I16_LOW, F32, F32X4_ADD, F32X4_MUL, F32X4_SPLAT, I16_TO_I32_HIGH, I16_TO_I32_LOW, I32, i32Const, I32_ADD, I32_AT_LEAST, I32_LESS,
  I32_SHIFT_LEFT, I32_SUB, I32X4_AT_LEAST, I32X4_SPLAT, I32X4_TO_F32, ifThen, load, localGet, localSet, localTee, loop, OR, RETURN, SELECT, store, type WasmFunction,
} from './assembler.ts';

const PAGE_BYTES = 65_536;
/** Numbers that one turn of a loop takes. */
export const TURN = 16;

/** Sixteen bytes of v, from which `widen` and `half` take four: v * scale + bias. */
const fourFloats = (widen: number[], half: number[], scale: number, bias: number): number[] => [
  ...localGet(0), ...localGet(8), I32_ADD, ...load(0), ...widen, ...half, ...I32X4_TO_F32, ...localGet(scale), ...F32X4_SPLAT, ...F32X4_MUL, ...localGet(bias), ...F32X4_SPLAT, ...F32X4_ADD,
];
const FLOATS = [[BYTES_TO_I16_LOW, I16_TO_I32_LOW], [BYTES_TO_I16_LOW, I16_TO_I32_HIGH], [BYTES_TO_I16_HIGH, I16_TO_I32_LOW], [BYTES_TO_I16_HIGH, I16_TO_I32_HIGH]] as const;

/** (from, its stride, to, its stride, width, height, scale, bias): rows of bytes to rows of floats; strides in bytes, width 16 at least. The last turn of a row begins 16 before its end. */
const TO_FLOATS: WasmFunction = {
  name: 'toFloats', params: [I32, I32, I32, I32, I32, I32, F32, F32], results: [], locals: 1,
  code: [loop([
    i32Const(0), localSet(8),
    loop([
      FLOATS.flatMap(([widen, half], part) => [...localGet(2), ...localGet(8), ...i32Const(2), I32_SHIFT_LEFT, I32_ADD, ...fourFloats(widen, half, 6, 7), ...store(16 * part)]),
      localGet(8), localGet(4), i32Const(TURN), I32_SUB, I32_LESS,
      ifThen([
        // The next, or the last.
        localGet(8), i32Const(TURN), I32_ADD, localGet(4), i32Const(TURN), I32_SUB, localGet(8), i32Const(TURN), I32_ADD, localGet(4), i32Const(TURN), I32_SUB, I32_LESS, SELECT, localSet(8),
        i32Const(1), branchIf(1),
      ]),
    ]),
    localGet(0), localGet(1), I32_ADD, localSet(0), localGet(2), localGet(3), I32_ADD, localSet(2),
    localGet(5), i32Const(1), I32_SUB, localTee(5), branchIf(0),
  ])],
};

const atLeast = (offset: number): number[] => [...localGet(0), ...load(offset), ...localGet(2), ...I32X4_SPLAT, ...I32X4_AT_LEAST];

/** (from, to, least): where the first sixteen whole numbers begin of which one is `least` or more; `to` where none is. A multiple of 64 bytes lies between the two. */
const FIRST_AT_LEAST: WasmFunction = {
  name: 'firstAtLeast', params: [I32, I32, I32], results: [I32], locals: 0,
  code: [
    loop([
      localGet(0), localGet(1), I32_AT_LEAST, ifThen([localGet(1), RETURN]),
      atLeast(0), atLeast(16), OR, atLeast(32), OR, atLeast(48), OR, ANY_TRUE, ifThen([localGet(0), RETURN]),
      localGet(0), i32Const(4 * TURN), I32_ADD, localSet(0),
      i32Const(1), branchIf(0),
    ]),
    localGet(1),
  ],
};

interface Loops {
  toFloats(from: number, fromStride: number, to: number, toStride: number, width: number, height: number, scale: number, bias: number): void;
  firstAtLeast(from: number, to: number, least: number): number;
}

let compiled: WebAssembly.Module | null = null;
const memories = new WeakMap<ArrayBufferLike, SimdMemory>();

export class SimdMemory {
  readonly buffer: ArrayBuffer;
  readonly loops: Loops;

  constructor(bytes: number) {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.buffer = memory.buffer;
    compiled ??= new WebAssembly.Module(assemble([TO_FLOATS, FIRST_AT_LEAST]));
    this.loops = new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Loops;
    memories.set(this.buffer, this);
  }

  /** Floats in memory of their own, in which `of` finds the loops. */
  static floats(length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(new SimdMemory(4 * length).buffer, 0, length);
  }

  /** Null for an array that lies elsewhere. */
  static of({ buffer }: Float32Array): SimdMemory | null {
    return memories.get(buffer) ?? null;
  }
}
