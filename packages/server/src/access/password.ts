// Passwords as Argon2id (RFC 9106, in Node's own crypto), in PHC's text form, so that the costs can be raised later. A hash takes 19 MiB
// and a tenth of a second of a thread: few are made at once, and how many may wait is bounded.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { RuthError } from '@ruth/protocol';

/** OWASP's Password Storage Cheat Sheet, Argon2id. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const AT_ONCE = 2;
const MOST_WAITING = 16;
const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

const derive = promisify(argon2);

let running = 0;
const waiting: (() => void)[] = [];

/** Throws `overloaded`. */
async function inTurn<T>(task: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) {
    if (waiting.length >= MOST_WAITING) throw new RuthError('overloaded', 'too many people sign in at once');
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running++;
  try {
    return await task();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

export function hashPassword(password: string): Promise<string> {
  return inTurn(async () => {
    const salt = randomBytes(SALT_BYTES);
    const hash = await derive('argon2id', { message: password, nonce: salt, memory: MEMORY_KIB, passes: PASSES, parallelism: LANES, tagLength: HASH_BYTES });
    return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${unpadded(salt)}$${unpadded(hash)}`;
  });
}

/** Also where there is no hash: then it is wrong, after the same time. */
export function isPassword(password: string, phc: string): Promise<boolean> {
  return inTurn(async () => {
    const [, memory = MEMORY_KIB, passes = PASSES, lanes = LANES, salt = 'AAAAAAAAAAAAAAAAAAAAAA', expected] = PHC.exec(phc) ?? [];
    const wanted = Buffer.from(expected ?? '', 'base64');
    const hash = await derive('argon2id', { message: password, nonce: Buffer.from(salt, 'base64'), memory: Number(memory), passes: Number(passes), parallelism: Number(lanes), tagLength: wanted.length || HASH_BYTES });
    return wanted.length === hash.length && timingSafeEqual(wanted, hash);
  });
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
