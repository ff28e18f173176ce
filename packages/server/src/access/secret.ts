// Secrets that Ruth makes: long, random, and kept as their hash alone. Argon2id is for what people choose; a hash is enough here.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 bits, for a cookie, a token or a link. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/** To be typed by a person: 80 bits, without characters that look alike. */
export function newOneTimePassword(): string {
  const characters = 'abcdefghjkmnpqrstuvwxyz23456789ABCD';
  const letters = [...randomBytes(64)].filter((byte) => byte < 35 * 7).slice(0, 16).map((byte) => characters[byte % 35]!);
  return [0, 4, 8, 12].map((at) => letters.slice(at, at + 4).join('')).join('-');
}

export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

/** In a time that does not tell how much of it is right. */
export function isSame(secret: string, other: string): boolean {
  return timingSafeEqual(createHash('sha256').update(secret).digest(), createHash('sha256').update(other).digest());
}
