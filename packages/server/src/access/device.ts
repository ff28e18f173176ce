// The device that somebody signed in with: a cookie that proves no more than that. It is signed with the hash of their password, which only the store knows:
// so it needs no table of its own, holds over restarts and at every server of a site, and ends with the password.
import { createHmac, randomBytes } from 'node:crypto';
import type { FoundUser } from '../store/index.ts';
import { isSame } from './secret.ts';

export const DEVICE_COOKIE = 'ruth_device';
const COOKIE = /^([\w-]{22})\.([\w-]{43})$/;

/** Null where there is no password that would sign it. */
export function newDevice({ password }: Pick<FoundUser, 'password'>): string | null {
  if (password === '') return null;
  const name = randomBytes(16).toString('base64url');
  return `${name}.${signatureOf(name, password)}`;
}

/** Its name; null where the user did not sign in with it. */
export function deviceOf(cookie: string | undefined, user: Pick<FoundUser, 'password'> | null): string | null {
  const [, name, signature] = COOKIE.exec(cookie ?? '') ?? [];
  if (name === undefined || signature === undefined || !user || user.password === '') return null;
  return isSame(signature, signatureOf(name, user.password)) ? name : null;
}

const signatureOf = (name: string, password: string): string => createHmac('sha256', password).update(`ruth device ${name}`).digest('base64url');
