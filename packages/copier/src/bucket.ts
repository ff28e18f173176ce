// A bucket of S3-compatible storage: what lies there, and putting something there, whole or not at all.
import type { Readable } from 'node:stream';
import { HeadObjectCommand, paginateListObjectsV2, PutObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { RuthError, type CopiesConfig } from '@ruth/protocol';
import type { ReadSecret } from '@ruth/transport';

const CONNECT_TIMEOUT_MS = 5000;
/** Without a byte. */
const SILENCE_TIMEOUT_MS = 30_000;
const NOT_THERE = ['NoSuchBucket', 'PermanentRedirect'];
const NO_CONNECTION = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_TLS_CERT_ALTNAME_INVALID'];
const WRONG_KEY = ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AuthorizationHeaderMalformed', 'RequestTimeTooSkewed'];
/** HEAD has no body to name it in. Other refusals with 403 have their own name: a quota, a user that is suspended. */
const NOT_ALLOWED = ['AccessDenied', 'Forbidden', 'Unknown'];
/** What the client says where the storage says nothing. */
const UNTOLD = ['', 'UnknownError', 'Unknown'];

export interface Content {
  readonly body: Readable;
  readonly bytes: number;
  /** Hexadecimal. It is signed, so that storage refuses bytes that have another one. */
  readonly sha256: string;
}

/** The storage answered, and does not take this thing. Others it may take. */
export class Refusal extends RuthError {}

/** What goes wrong is thrown; the client would write it to the console besides. */
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Every method throws `invalid_config` where a person must change something, `unreachable` where it may help to try again. */
export class Bucket implements Disposable {
  readonly #config: CopiesConfig;
  readonly #client: S3Client;

  constructor(config: CopiesConfig, readSecret: ReadSecret) {
    this.#config = config;
    this.#client = new S3Client({
      region: config.region ?? 'us-east-1',
      // Names of buckets are seldom names of hosts elsewhere than at AWS.
      ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint, forcePathStyle: true }),
      credentials: async () => ({ accessKeyId: config.access_key_id, secretAccessKey: await readSecret(config.secret_access_key) }),
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: SILENCE_TIMEOUT_MS, requestTimeout: SILENCE_TIMEOUT_MS },
      // Checksums of the newest kind are not understood everywhere; ours is given with each thing.
      requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED',
      // Storage that does not know it would be waited for, for six seconds with each file.
      expectContinueHeader: false, logger: SILENT,
    });
  }

  get where(): string { return this.#config.endpoint ?? 'AWS'; }

  /** What lies below `prefix`: names without it, and bytes. Storage may keep what came of a thing whose sender died. */
  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<{ readonly name: string; readonly bytes: number }> {
    const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: this.#config.bucket, Prefix: prefix }, { abortSignal: signal });
    try {
      for await (const { Contents = [] } of pages) for (const { Key = '', Size = 0 } of Contents) yield { name: Key.slice(prefix.length), bytes: Size };
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  /** Resolves when the storage says that it lies there in its full length. What was there under that name is replaced. Throws `Refusal` where the answer may be about this thing alone. */
  async put(name: string, { body, bytes, sha256 }: Content, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    body.once('error', (error) => stop.abort(error));
    const place = { Bucket: this.#config.bucket, Key: name };
    const options = { abortSignal: AbortSignal.any([signal, stop.signal]) };
    try {
      const put = new PutObjectCommand({ ...place, Body: body, ContentLength: bytes, ContentType: 'video/mp4', ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'), Metadata: { sha256 } });
      // Bytes that come as a stream are not signed unless told so. Every storage compares what is signed; the checksum above is kept by some and ignored by others (Ceph 16).
      put.middlewareStack.add((next) => (parts) => {
        (parts.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] = sha256;
        return next(parts);
      }, { step: 'build', name: 'signedContent' });
      await this.#client.send(put, options);
      const { ContentLength } = await this.#client.send(new HeadObjectCommand(place), options);
      if (ContentLength !== bytes) throw new Refusal('unreachable', `${this.where} holds ${ContentLength} bytes of what has ${bytes}`);
    } catch (cause) {
      if (body.errored !== null) throw body.errored;
      const failure = this.#failure(cause);
      // A storage, or what is in front of it, may also end the connection instead of saying that it does not want the rest.
      throw signal.aborted || isOfAll(cause) ? failure : new Refusal(failure.code, failure.message, { cause });
    }
  }

  [Symbol.dispose](): void { this.#client.destroy(); }

  #failure(cause: unknown): RuthError {
    if (cause instanceof RuthError) return cause;
    const { bucket, access_key_id: key } = this.#config;
    const name = cause instanceof S3ServiceException ? cause.name : '';
    const status = cause instanceof S3ServiceException ? cause.$metadata.httpStatusCode : undefined;
    if (NOT_THERE.includes(name)) return new RuthError('invalid_config', `${this.where} has no bucket ${bucket} in this region: make it, or correct copies.bucket or copies.region`, { cause });
    if (WRONG_KEY.includes(name)) return new RuthError('invalid_config', `${this.where} does not take the access key (${name}): correct copies.access_key_id or copies.secret_access_key, and look at the clock of this machine`, { cause });
    if (status === 403 && NOT_ALLOWED.includes(name)) return new RuthError('invalid_config', `${this.where} refuses ${key}: it needs s3:ListBucket, s3:GetObject and s3:PutObject for the bucket ${bucket}`, { cause });
    if (status !== undefined) return new RuthError('unreachable', `${this.where} does not take it: ${status} ${[name, (cause as Error).message].filter((part) => !UNTOLD.includes(part)).join(', ')}`, { cause });
    if ((cause as Error).name === 'TimeoutError') return new RuthError('unreachable', `${this.where} does not answer: no connection within ${CONNECT_TIMEOUT_MS / 1000} s, or silence for ${SILENCE_TIMEOUT_MS / 1000} s, as of a storage that is full`, { cause });
    return new RuthError('unreachable', `${this.where} cannot be reached: ${name === '' ? '' : `${name}, `}${(cause as Error).message || (cause as Error).name}`, { cause });
  }
}

/** Nothing else would be taken either. */
function isOfAll(cause: unknown): boolean {
  if (cause instanceof S3ServiceException) return [...NOT_THERE, ...WRONG_KEY].includes(cause.name);
  // A secret that cannot be read.
  return (cause instanceof RuthError && !(cause instanceof Refusal)) || NO_CONNECTION.includes((cause as NodeJS.ErrnoException).code ?? '');
}
