// How a picture says when it was drawn: a row of blocks, white for 1, with the wall clock in milliseconds and a check byte.

export const STAMP = { width: 1280, height: 720, fps: 25, blockPixels: 20, rows: 32, clockBits: 48, checkBits: 8 } as const;

/** 64 bits: clock, check, and zeros up to the picture's edge. */
export function stampBits(nowMs: number): boolean[] {
  const clock = BigInt(nowMs);
  const check = [0n, 8n, 16n, 24n, 32n, 40n].reduce((sum, shift) => (sum + (clock >> shift & 0xffn) * 31n + 7n) & 0xffn, 0n);
  const all = clock << BigInt(STAMP.checkBits) | check;
  const bits = STAMP.clockBits + STAMP.checkBits;
  return Array.from({ length: STAMP.width / STAMP.blockPixels }, (_, index) => index < bits && (all >> BigInt(bits - 1 - index) & 1n) === 1n);
}
