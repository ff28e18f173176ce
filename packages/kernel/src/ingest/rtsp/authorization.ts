// Proves the password to a camera: Digest (RFC 2069, 2617 and 7616: MD5 or SHA-256) where it is offered, else Basic.
import { createHash, randomBytes } from 'node:crypto';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

interface Challenge { readonly scheme: string; readonly parameters: ReadonlyMap<string, string> }

export class Authorization {
  readonly #credentials: Credentials;
  readonly #challenge: Challenge;
  #count = 0;

  private constructor(credentials: Credentials, challenge: Challenge) {
    this.#credentials = credentials;
    this.#challenge = challenge;
  }

  /** The strongest of the challenges that can be met; null where none can. */
  static answering(challenges: readonly string[], credentials: Credentials): Authorization | null {
    const parsed = challenges.map(parseChallenge).filter(({ scheme, parameters }) => scheme === 'basic' || (scheme === 'digest' && parameters.has('nonce') && hashOf(parameters) !== null));
    const best = parsed.find(({ scheme, parameters }) => scheme === 'digest' && hashOf(parameters) === 'sha256')
      ?? parsed.find(({ scheme }) => scheme === 'digest') ?? parsed[0];
    return best ? new Authorization(credentials, best) : null;
  }

  /** Value of the Authorization header for one request. */
  header(method: string, uri: string): string {
    const { user, password } = this.#credentials;
    const { scheme, parameters } = this.#challenge;
    if (scheme === 'basic') return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const hash = (text: string): string => createHash(hashOf(parameters)!).update(text).digest('hex');
    const realm = parameters.get('realm') ?? '';
    const nonce = parameters.get('nonce')!;
    const [first, second] = [hash(`${user}:${realm}:${password}`), hash(`${method}:${uri}`)];
    const fields = [`username="${user}"`, `realm="${realm}"`, `nonce="${nonce}"`, `uri="${uri}"`];
    if (parameters.get('qop')?.split(/\s*,\s*/).includes('auth')) {
      const count = (++this.#count).toString(16).padStart(8, '0');
      const own = randomBytes(8).toString('hex');
      fields.push(`response="${hash([first, nonce, count, own, 'auth', second].join(':'))}"`, 'qop=auth', `nc=${count}`, `cnonce="${own}"`);
    } else fields.push(`response="${hash(`${first}:${nonce}:${second}`)}"`);
    for (const name of ['opaque', 'algorithm']) if (parameters.has(name)) fields.push(`${name}="${parameters.get(name)}"`);
    return `Digest ${fields.join(', ')}`;
  }
}

function hashOf(parameters: ReadonlyMap<string, string>): 'md5' | 'sha256' | null {
  const algorithm = (parameters.get('algorithm') ?? 'MD5').toUpperCase();
  return algorithm === 'MD5' ? 'md5' : algorithm === 'SHA-256' ? 'sha256' : null;
}

function parseChallenge(header: string): Challenge {
  const [scheme = ''] = header.split(/\s/, 1);
  const parameters = new Map<string, string>();
  for (const [, name, quoted, bare] of header.slice(scheme.length).matchAll(/([a-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/gi)) {
    parameters.set(name!.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
  }
  return { scheme: scheme.toLowerCase(), parameters };
}
