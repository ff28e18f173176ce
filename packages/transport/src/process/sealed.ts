// Credentials of cameras as they lie in ruth.yaml: sealed with a key of the node (AES-256-GCM), bound to the host that they are for, so that neither the file
// alone nor a backup of it gives them away, and a sealed one that is moved to another host does not open. The key is a file of the data directory, its owner's
// alone, or one that the settings name.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { redactUrls, RuthError, type Settings } from '@ruth/protocol';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const LEAST_BYTES = 16;
const SEALED_USER = 'sealed';
const SEALED = /^v1\.[A-Za-z0-9_-]{38,}$/;

/** Whether a text stands sealed. */
export const isSealed = (text: string): boolean => SEALED.test(text);
export const isSealedUrl = (url: string): boolean => URL.canParse(url) && new URL(url).username === SEALED_USER && isSealed(new URL(url).password);

export class Seal {
  readonly #key: Buffer;

  private constructor(key: Buffer) { this.#key = key; }

  /** `key`: 32 random bytes. */
  static of(key: Buffer): Seal { return new Seal(key); }

  /** Null where there is no key yet. Throws `invalid_config` for one that cannot be read or is none. */
  static find(path: string): Seal | null {
    try {
      const text = readFileSync(path);
      if (text.length < LEAST_BYTES) throw new Error('it is too short');
      // One that somebody else made may be any secret; a file of ours is the key itself.
      return new Seal(text.length === KEY_BYTES ? text : createHash('sha256').update(text).digest());
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new RuthError('invalid_config', `the key ${path} cannot be used: ${(cause as Error).message}`, { cause });
    }
  }

  /** Makes the key where there is none. Throws `invalid_config` where it cannot be written. */
  static findOrMake(path: string): Seal {
    const found = Seal.find(path);
    if (found) return found;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const file = openSync(path, 'wx', 0o600);
      try {
        writeSync(file, randomBytes(KEY_BYTES));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw new RuthError('invalid_config', `the key ${path} cannot be written: ${(cause as Error).message}`, { cause });
    }
    return Seal.find(path)!;
  }

  /** `bound`: what it belongs to; it opens with that alone. */
  seal(text: string, bound: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(bound));
    return `v1.${Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')}`;
  }

  /** Throws `invalid_config`. */
  open(sealed: string, bound: string): string {
    const bytes = Buffer.from(sealed.slice('v1.'.length), 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(bound)).setAuthTag(bytes.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new RuthError('invalid_config', `what is sealed for ${bound} was sealed with another key, or for something else; give the credentials anew`, { cause });
    }
  }

  /** As it is where it has no credentials, or is sealed already. Where it has, they and the path, which may hold some too, are sealed. `owner`: whose it is, where it opens for that one alone. */
  sealUrl(url: string, owner?: string): string {
    if (!URL.canParse(url) || isSealedUrl(url) || redactUrls(url) === url) return url;
    const { protocol, host } = new URL(url);
    // As it was written, letter for letter: cameras are particular.
    const [, credentials = '', path = ''] = /^[a-z]+:\/\/(?:(.*)@)?[^/?]*(.*)$/s.exec(url) ?? [];
    return `${protocol}//${SEALED_USER}:${this.seal(JSON.stringify([credentials, path]), boundTo(host, owner))}@${host}`;
  }

  /** Throws `invalid_config`. */
  openUrl(url: string, owner?: string): string {
    if (!isSealedUrl(url)) return url;
    const { protocol, host, password } = new URL(url);
    const [credentials, path] = JSON.parse(this.open(password, boundTo(host, owner))) as [string, string];
    return `${protocol}//${credentials === '' ? '' : `${credentials}@`}${host}${path}`;
  }
}

const boundTo = (host: string, owner: string | undefined): string => (owner === undefined ? host : `${owner} at ${host}`);

/** As the settings name it, relative to their file where they do so. */
export const keyFileOf = ({ keyFile, dataDirectory }: Pick<Settings, 'keyFile' | 'dataDirectory'>): string => keyFile ?? join(dataDirectory, 'ruth.key');

/** Settings as processes need them. Throws `invalid_config` where it is not, and something is sealed. */
export function openSettings(settings: Settings, keyFile: string): Settings {
  const { cameras, live } = settings;
  const sealed = cameras.some(({ url, detectUrl, onvif }) => isSealedUrl(url) || isSealedUrl(detectUrl ?? '') || isSealed(onvif?.password ?? '')) || isSealed(live.rtsp?.credentials?.password ?? '');
  if (!sealed) return settings;
  const seal = Seal.find(keyFile);
  if (!seal) throw new RuthError('invalid_config', `credentials are sealed, and the key that opens them, ${keyFile}, is not there; bring it back, or give the credentials anew`);
  const opened = (text: string, bound: string): string => (isSealed(text) ? seal.open(text, bound) : text);
  return {
    ...settings,
    cameras: cameras.map((camera) => ({
      ...camera, url: seal.openUrl(camera.url), detectUrl: camera.detectUrl && seal.openUrl(camera.detectUrl),
      onvif: camera.onvif && { ...camera.onvif, password: camera.onvif.password && opened(camera.onvif.password, camera.onvif.url) },
    })),
    live: { ...live, rtsp: live.rtsp && { ...live.rtsp, credentials: live.rtsp.credentials && { ...live.rtsp.credentials, password: opened(live.rtsp.credentials.password, 'live.rtsp') } } },
  };
}
