// MSE of cameras that other nodes have: each comes from its node once, however many watch it through this server, who hands it to each of them as a kernel does. It is asked
// for in the name of one of them; when that one may not see it any more, in the name of another. Whether each viewer may see it is this server's to say, as ever.
import { LiveInit, RuthError, validator, type LiveStreamName } from '@ruth/protocol';
import { beginsWithKeyframe, Fmp4Viewers, type Fmp4Counters } from '@ruth/transport';
import type { FastifyRequest } from 'fastify';
import { WebSocket } from 'ws';
import { keepAlive } from '../keep-alive.ts';
import { closingFor, openSource, type Closing } from '../live-source.ts';
import type { OtherNodes } from './other-nodes.ts';
import type { SiteNodeInfo } from './site.ts';

export interface StreamOfCamera { readonly camera: string; readonly stream: LiveStreamName }

/** Of each the pictures since the last keyframe are kept, 16 MiB at most. */
const MOST_CAMERAS = 256;
/** Twelve seconds without a sign of life end a relay. */
const PING_EVERY_MS = 4000;
const liveInit = validator(LiveInit);

export class MseRelays implements Disposable {
  readonly counters = { failed: 0 };
  /** Of viewers, also of those that are gone. */
  readonly dropped: Fmp4Counters = { droppedFragments: 0, closedViewers: 0 };
  readonly #others: OtherNodes;
  /** By camera, stream and node: one that moves is at both for a moment. */
  readonly #relays = new Map<string, MseRelay>();

  constructor(others: OtherNodes) { this.#others = others; }

  get size(): number { return this.#relays.size; }
  get viewers(): number { return [...this.#relays.values()].reduce((sum, { viewers }) => sum + viewers, 0); }

  /** Throws `overloaded`. */
  add(socket: WebSocket, { camera, stream }: StreamOfCamera, node: SiteNodeInfo, request: FastifyRequest): void {
    const key = `${camera} ${stream} ${node.id}`;
    if (!this.#relays.has(key) && this.#relays.size >= MOST_CAMERAS) throw new RuthError('overloaded', `${MOST_CAMERAS} cameras of other nodes are watched here already`);
    keepAlive(socket);
    const relay = this.#relays.get(key) ?? this.#open(key, { camera, stream }, node);
    relay.add(socket, request);
  }

  [Symbol.dispose](): void { for (const relay of this.#relays.values()) relay.end([1001, 'the server is stopping']); }

  #open(key: string, of: StreamOfCamera, node: SiteNodeInfo): MseRelay {
    const relay = new MseRelay({
      of, node, others: this.#others, counters: this.dropped,
      onEnded: (isFailure) => {
        this.#relays.delete(key);
        if (isFailure) this.counters.failed++;
      },
    });
    this.#relays.set(key, relay);
    return relay;
  }
}

interface MseRelayOptions {
  readonly of: StreamOfCamera;
  readonly node: SiteNodeInfo;
  readonly others: OtherNodes;
  readonly counters: Fmp4Counters;
  /** Told once; no failure where nobody watched it any more. */
  readonly onEnded: (isFailure: boolean) => void;
}

/** One stream of one camera. */
class MseRelay {
  readonly #options: MseRelayOptions;
  readonly #requests = new Map<WebSocket, FastifyRequest>();
  readonly #viewers: Fmp4Viewers<WebSocket>;
  #source: WebSocket | null = null;
  /** A stream has been told of; its segment comes next. */
  #init: string | null = null;
  #isEnded = false;

  constructor(options: MseRelayOptions) {
    this.#options = options;
    this.#viewers = new Fmp4Viewers<WebSocket>((socket) => {
      this.#requests.delete(socket);
      if (this.#viewers.size === 0) this.#end(false);
    }, options.counters);
  }

  get viewers(): number { return this.#viewers.size; }

  add(socket: WebSocket, request: FastifyRequest): void {
    this.#requests.set(socket, request);
    if (!this.#viewers.add(socket)) this.#requests.delete(socket);
    else if (this.#source === null) this.#ask();
  }

  end(closing: Closing): void {
    this.#end(true);
    this.#viewers.close(...closing);
  }

  /** In the name of whoever has watched longest. */
  #ask(): void {
    const [asker, request] = this.#requests.entries().next().value!;
    const { of: { camera, stream }, node, others } = this.#options;
    let source: WebSocket;
    try {
      source = this.#source = openSource(others.live(node, request, `/api/v1/cameras/${camera}/live${stream === 'main' ? '' : `?stream=${stream}`}`), (closing, isAskers) => {
        if (this.#source !== source) return;
        if (!isAskers) return this.end(closing);
        // Of a viewer that has gone meanwhile there is nothing to end.
        this.#viewers.end(asker, ...closing);
        if (!this.#isEnded) this.#ask();
      });
    } catch (cause) {
      return this.end(closingFor(RuthError.from(cause)));
    }
    this.#init = null;
    this.#viewers.forget();
    source.on('open', () => keepAlive(source, PING_EVERY_MS));
    source.on('message', (data: Buffer, isBinary: boolean) => {
      if (this.#source !== source) return;
      try {
        this.#take(data, isBinary);
      } catch (cause) {
        this.end(closingFor(RuthError.from(cause)));
      }
    });
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (!isBinary) {
      this.#init = data.toString();
      liveInit.parse(JSON.parse(this.#init), 'stream_corrupt');
    } else if (this.#init !== null) {
      this.#viewers.begin({ init: this.#init, segment: data });
      this.#init = null;
    } else this.#viewers.send(data, beginsWithKeyframe(data));
  }

  #end(isFailure: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const source = this.#source;
    this.#source = null;
    // What is still being opened cannot be closed in peace.
    if (source?.readyState === WebSocket.OPEN) source.close(1000, 'nobody watches');
    else source?.terminate();
    this.#options.onEnded(isFailure);
  }
}
