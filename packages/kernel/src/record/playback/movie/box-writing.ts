// Makes boxes of ISO/IEC 14496-12.

/** A column of numbers that grows; 4 bytes each, for a day has millions of samples. */
export class Column {
  #values = new Uint32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Uint32Array(this.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  at(index: number): number { return this.#values[index]!; }
  setLast(value: number): void { this.#values[this.length - 1] = value; }

  /** Runs of equal values. */
  * runs(): Generator<{ readonly count: number; readonly value: number }> {
    for (let begin = 0, index = 1; begin < this.length; index++) {
      if (index < this.length && this.#values[index] === this.#values[begin]) continue;
      yield { count: index - begin, value: this.#values[begin]! };
      begin = index;
    }
  }
}

export function box(type: string, ...parts: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + parts.reduce((sum, { length }) => sum + length, 0), 0);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, ...parts]);
}

export const fullBox = (type: string, version: number, flags: number, ...parts: readonly Buffer[]): Buffer => box(type, u32(version * 2 ** 24 + flags), ...parts);

export function u32(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) out.writeUInt32BE(value, index * 4);
  return out;
}

export function u64(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) out.writeBigInt64BE(BigInt(value), index * 8);
  return out;
}

/** A count, then so many rows. */
export function table(rows: number, width: number, write: (out: Buffer, row: (index: number) => number) => void): Buffer {
  const out = Buffer.alloc(4 + rows * width);
  out.writeUInt32BE(rows, 0);
  write(out, (index) => 4 + index * width);
  return out;
}
