// The key of a site: a file that is the same on all its nodes, its owner's alone, and in NATS never. What people know of a camera (user, password, path) is sealed
// with it before it goes there, for that camera at that host alone. Of several keys, one a line, the first seals and all open: so one key can follow another.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { redactUrls, RuthError, type Settings, type SiteCamera, type SiteCredentials } from '@ruth/protocol';
import { isSealed, isSealedUrl, readIfThere, replaceFile, Seal, type Logger } from '@ruth/transport';

const KEY_BYTES = 32;
const KEY = /^[A-Za-z0-9_-]{43}$/;
const MOST_KEYS = 16;
const HEAD = '# The key of a site of Ruth: the same file on each of its nodes, for nobody else to read. The first line seals, all open.\n';
const OTHERS_MAY_READ = 0o007;

/** As the settings name it, or in the data directory. */
export const siteKeyFileOf = ({ site, dataDirectory }: Pick<Settings, 'site' | 'dataDirectory'>): string => site?.key_file ?? join(dataDirectory, 'site.key');

type Camera = SiteCamera['camera'];
interface Key { readonly id: string; readonly text: string; readonly seal: Seal }

export class SiteKeys {
  readonly path: string;
  readonly #keys: readonly Key[];

  private constructor(path: string, keys: readonly Key[]) {
    this.path = path;
    this.#keys = keys;
  }

  /** None where there is no such file. Throws `invalid_config`. */
  static read(path: string): SiteKeys {
    const lines = (readIfThere(path) ?? '').split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
    const wrong = lines.findIndex((line) => !KEY.test(line));
    if (wrong >= 0) throw new RuthError('invalid_config', `${path}: what stands there as key ${wrong + 1} is none; bring the file here again from another node`);
    if (lines.length > MOST_KEYS) throw new RuthError('invalid_config', `${path} holds ${lines.length} keys; at most ${MOST_KEYS} may be there: ruth site key forget`);
    return new SiteKeys(path, lines.map(keyOf));
  }

  /** Without keys: of a file that cannot be used. */
  static none(path: string): SiteKeys { return new SiteKeys(path, []); }

  /** The one first that seals. An id tells nothing of its key. */
  get ids(): string[] { return this.#keys.map(({ id }) => id); }

  get mayBeReadByOthers(): boolean { return existsSync(this.path) && (statSync(this.path).mode & OTHERS_MAY_READ) !== 0; }

  /** The first key of a site. Throws `conflict` where there is one. */
  make(): SiteKeys {
    if (this.#keys.length > 0) throw new RuthError('conflict', `${this.path} is there already; ruth site key rotate puts a new one before it`);
    return this.#write([newKey()]);
  }

  /** A new one seals from now on, those before open what they sealed. Throws `invalid_state` where there is none. */
  rotate(): SiteKeys {
    if (this.#keys.length === 0) throw new RuthError('invalid_state', `there is no key in ${this.path} that another one could follow: ruth site key make`);
    if (this.#keys.length >= MOST_KEYS) throw new RuthError('invalid_state', `${this.path} holds ${MOST_KEYS} keys already: ruth site key forget`);
    return this.#write([newKey(), ...this.#keys]);
  }

  /** All but the one that seals. */
  forget(): SiteKeys { return this.#write(this.#keys.slice(0, 1)); }

  /** What is sealed already stays as it is, unless `anew` and it can be opened. Throws `invalid_state` where something is to be sealed and there is no key. */
  seal(camera: SiteCamera, { anew = false } = {}): SiteCamera {
    const state = this.credentialsOf(camera);
    if (state === 'none') return camera;
    const [first] = this.#keys;
    if (!first) throw new RuthError('invalid_state', `the camera has credentials, and this node has no key of the site to seal them with (${this.path}): ruth site key make makes one, for all nodes of the site; where another node has one, bring its file here`);
    const { id } = camera.camera;
    const plain = anew && state === 'older_key' ? this.open(camera) : camera;
    return {
      ...plain, camera: mapped(plain.camera, (url) => first.seal.sealUrl(url, id), (password, onvifUrl) => (isSealed(password) ? password : first.seal.seal(password, onvifOf(id, onvifUrl)))),
    };
  }

  /** As whoever gave it wrote it. Throws `invalid_config`, with what to do. */
  open(camera: SiteCamera): SiteCamera {
    const { id } = camera.camera;
    return {
      ...camera,
      camera: mapped(camera.camera, (url) => (isSealedUrl(url) ? this.#opened((seal) => seal.openUrl(url, id)) : url), (password, onvifUrl) => (isSealed(password) ? this.#opened((seal) => seal.open(password, onvifOf(id, onvifUrl))) : password)),
    };
  }

  /** Where parts of it differ, what is the worst for it. */
  credentialsOf({ camera }: SiteCamera): SiteCredentials {
    const found = new Set<SiteCredentials>();
    const look = (sealed: boolean, open: (seal: Seal) => void): void => {
      if (!sealed) return void found.add('clear');
      const at = this.#keys.findIndex(({ seal }) => opens(() => open(seal)));
      found.add(at < 0 ? 'unknown_key' : at === 0 ? 'sealed' : 'older_key');
    };
    mapped(camera, (url) => {
      if (isSealedUrl(url) || redactUrls(url) !== url) look(isSealedUrl(url), (seal) => seal.openUrl(url, camera.id));
      return url;
    }, (password, onvifUrl) => {
      look(isSealed(password), (seal) => seal.open(password, onvifOf(camera.id, onvifUrl)));
      return password;
    });
    return (['unknown_key', 'clear', 'older_key', 'sealed'] as const).find((state) => found.has(state)) ?? 'none';
  }

  #opened(open: (seal: Seal) => string): string {
    for (const { seal } of this.#keys) {
      try {
        return open(seal);
      } catch { /* the next one may */ }
    }
    throw new RuthError('invalid_config', this.#keys.length === 0
      ? `its credentials are sealed, and this node has no key of the site: bring ${this.path} here from a node that has it`
      : `its credentials are sealed with a key that this node does not have (it has ${this.ids.join(', ')}), or for another camera or host: bring the site's newest key file here (${this.path}), or give the camera's URL anew`);
  }

  #write(keys: readonly Key[]): SiteKeys {
    replaceFile(this.path, `${HEAD}${keys.map(({ text }) => `${text}\n`).join('')}`, existsSync(this.path));
    return new SiteKeys(this.path, keys);
  }
}

/** The keys as they are at each moment: who brings a file to a node starts nothing anew. */
export class SiteKeyFile {
  readonly #path: string;
  readonly #logger: Logger;
  #seen: string | null = null;
  #keys: SiteKeys;

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
    this.#keys = SiteKeys.none(path);
    this.changed();
  }

  get keys(): SiteKeys { return this.#keys; }

  /** Looks whether the file is another one than before, and reads it then. One that cannot be used is said, and what was read before counts. */
  changed(): boolean {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    const seen = stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
    if (seen === this.#seen) return false;
    this.#seen = seen;
    try {
      const before = this.#keys.ids.join();
      this.#keys = SiteKeys.read(this.#path);
      if (this.#keys.mayBeReadByOthers) this.#logger.warn(`the key of the site can be read by every user of this machine: chmod 600 ${this.#path}`);
      return this.#keys.ids.join() !== before;
    } catch (cause) {
      this.#logger.error({ code: RuthError.from(cause).code }, `the key of the site cannot be used: ${(cause as Error).message}`);
      return false;
    }
  }
}

function keyOf(text: string): Key {
  const key = Buffer.from(text, 'base64url');
  return { id: createHash('sha256').update('id of a key of a site of Ruth\0').update(key).digest('hex').slice(0, 8), text, seal: Seal.of(key) };
}

const newKey = (): Key => keyOf(randomBytes(KEY_BYTES).toString('base64url'));

const onvifOf = (camera: string, url: string): string => `${camera} by ${url}`;

/** With all that may hold credentials replaced. */
function mapped(camera: Camera, url: (url: string) => string, password: (password: string, onvifUrl: string) => string): Camera {
  const { detect_url: detectUrl, onvif } = camera;
  return {
    ...camera, url: url(camera.url), ...(detectUrl === undefined ? {} : { detect_url: url(detectUrl) }),
    ...(onvif?.password === undefined ? {} : { onvif: { ...onvif, password: password(onvif.password, onvif.url) } }),
  };
}

function opens(open: () => void): boolean {
  try {
    open();
    return true;
  } catch {
    return false;
  }
}
