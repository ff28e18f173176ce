// Digest authentication as cameras do it (RFC 2069: MD5, no qop). A nonce lives and dies with its connection.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

const REALM = 'Ruth';

export class DigestAuthentication {
  readonly #credentials: Credentials;
  readonly #nonce = randomBytes(16).toString('hex');

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** Value of WWW-Authenticate. */
  get challenge(): string { return `Digest realm="${REALM}", nonce="${this.#nonce}"`; }

  /** Whether the Authorization header proves knowledge of the password for this very request. Takes the same time whatever is wrong. */
  accepts(authorization: string, method: string, uri: string): boolean {
    if (!/^digest\s/i.test(authorization)) return false;
    const given = parseParameters(authorization);
    const { user, password } = this.#credentials;
    const expected = md5(`${md5(`${user}:${REALM}:${password}`)}:${this.#nonce}:${md5(`${method}:${uri}`)}`);
    const facts = [
      equal(given.get('username'), user), equal(given.get('realm'), REALM), equal(given.get('nonce'), this.#nonce),
      equal(given.get('uri'), uri), equal(given.get('response')?.toLowerCase(), expected),
    ];
    return facts.every(Boolean);
  }
}

function parseParameters(header: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [, name, quoted, bare] of header.matchAll(/([a-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/gi)) {
    parameters.set(name!.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
  }
  return parameters;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

function equal(given: string | undefined, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given ?? ''), digest(expected)) && given !== undefined;
}
