// Every camera at rtsp://host:port/<camera> for other programs, so that the camera itself serves one client. A port that is
// taken costs this output alone: it is said, and tried again until it is free.
import type { RuthError, Settings } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { RtspServer, type MediaSource, type RtspCounters } from '../rtsp/index.ts';

const RETRY_INTERVAL_MS = 10_000;
/** More than a camera's backlog: a client that begins is not behind. */
const MAX_BUFFERED_BYTES = 12 << 20;

export interface RestreamServerOptions {
  readonly settings: NonNullable<Settings['live']['rtsp']>;
  readonly logger: Logger;
  /** Null where there is no such camera. */
  readonly camera: (id: string) => MediaSource | null;
  readonly retryIntervalMs?: number;
}

export class RestreamServer implements AsyncDisposable {
  readonly #options: RestreamServerOptions;
  #server: RtspServer | null = null;
  #retry: NodeJS.Timeout | undefined;
  #trying: Promise<void> | null = null;
  #closed = false;

  /** How often it could not listen. */
  failures = 0;

  private constructor(options: RestreamServerOptions) { this.#options = options; }

  /** Resolves when it has tried to listen once; whether that worked is in the log. */
  static async start(options: RestreamServerOptions): Promise<RestreamServer> {
    const server = new RestreamServer(options);
    await server.#listen();
    return server;
  }

  /** Where clients find it; null while it cannot listen. */
  get port(): number | null { return this.#server?.port ?? null; }
  get counters(): RtspCounters | null { return this.#server?.counters ?? null; }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#trying;
    await this.#server?.close();
  }

  #listen(): Promise<void> { return this.#trying = this.#tryToListen(); }

  async #tryToListen(): Promise<void> {
    const { settings, logger, camera, retryIntervalMs = RETRY_INTERVAL_MS } = this.#options;
    const { host, port, credentials } = settings;
    try {
      this.#server = await RtspServer.listen({
        host, port, source: camera, credentials: credentials ?? undefined, limits: { maxBufferedBytes: MAX_BUFFERED_BYTES },
        onError: ({ code, message }) => logger.warn({ code }, `an RTSP client got no video: ${message}`),
      });
      logger.info({ host, port: this.#server.port }, 'cameras are served over RTSP');
    } catch (cause) {
      const { code, message } = cause as RuthError;
      if (this.failures++ === 0) logger.error({ code, retry_in_ms: retryIntervalMs }, `no camera is served over RTSP: ${message}; choose another live.rtsp.port`);
      if (!this.#closed) this.#retry = setTimeout(() => void this.#listen(), retryIntervalMs);
    }
  }
}
