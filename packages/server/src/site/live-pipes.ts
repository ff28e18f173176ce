// Cameras of other nodes that many watch through this server: from so many viewers on the kernel of this node takes such a camera over one pipe, and serves them. This
// server joins the two kernels by a WebSocket each and hands on what they say; where there is no pipe, and where one fails, a viewer gets the camera straight from its node.
import { randomUUID } from 'node:crypto';
import { PipeFromReceiver, PipeListener, RuthError, validator, type PipeQuery } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { FastifyRequest } from 'fastify';
import { WebSocket } from 'ws';
import { keepAlive } from '../keep-alive.ts';
import type { LiveSource } from '../live-source.ts';
import type { Upstream } from '../upstream.ts';
import type { OtherNodes } from './other-nodes.ts';
import type { Site, SiteNodeInfo } from './site.ts';

/** Until a pipe is tried again: where pictures do not come through, or the other node knows of no pipes; where it, or its camera, is just away. */
const REST_MS = { lasting: 60_000, passing: 3000 } as const;
/** What the kernels and the other server close with that another try would meet again: wrong settings, no pictures. */
const LASTING_CODES = [4400, 4409, 4504];
const READY_LIMIT_MS = 12_000;
const HANDSHAKE_MS = 3000;
/** Twelve seconds without a sign of life end a pipe. */
const PING_EVERY_MS = 4000;
const MOST_WAITING = 8;
const MOST_MESSAGE_BYTES = 64 << 10;
/** No one tells when a WHEP player of another node's camera goes. */
const WHEP_COUNTS_FOR_MS = 600_000;
const MOST_WHEP = 256;
const fromReceiver = validator(PipeFromReceiver);
const pipeListener = validator(PipeListener);

export interface LivePipesOptions {
  readonly kernel: Upstream;
  readonly site: Site;
  readonly others: OtherNodes;
  /** 0: never. */
  readonly fromViewers: number;
  readonly logger: Logger;
}

interface Watched {
  /** Who gets it straight from its node. */
  viewers: number;
  /** Until when each WHEP player counts. */
  whep: number[];
  /** Its node takes no more viewers. */
  isFull: boolean;
  restUntilMs: number;
  pipe: Pipe | null;
}

export class LivePipes implements Disposable {
  readonly counters = { opened: 0, failed: 0 };
  readonly #options: LivePipesOptions;
  readonly #watched = new Map<string, Watched>();
  /** WHEP sessions that this node's kernel has, of cameras of others. */
  readonly sessions = new Set<string>();

  constructor(options: LivePipesOptions) { this.#options = options; }

  /** Where the viewer at `socket` gets a camera of `node` from. Throws `node_away`. */
  async sourceFor(socket: WebSocket, camera: string, node: SiteNodeInfo, request: FastifyRequest): Promise<LiveSource> {
    const { kernel, others } = this.#options;
    const direct = others.live(node, request);
    if (await this.#isPiped(camera, node, request)) return { address: `ws+unix:${kernel.socketPath}:/v1/piped/${camera}/webrtc`, name: 'the kernel' };
    const watched = this.#of(camera);
    watched.viewers++;
    const gone = (): void => {
      watched.viewers--;
      this.#forget(camera);
    };
    if (socket.readyState === WebSocket.OPEN) socket.once('close', gone);
    else gone();
    return { ...direct, onClosed: (reason) => { watched.isFull = reason === 'overloaded'; } };
  }

  /** Whether what WHEP asks is answered by this node's kernel, though another node has the camera. */
  async takesWhep(node: SiteNodeInfo, request: FastifyRequest): Promise<boolean> {
    const { id, session } = request.params as { id: string; session?: string };
    if (session !== undefined) return this.sessions.has(session);
    if (request.method !== 'POST') return false;
    if (await this.#isPiped(id, node, request)) return true;
    const { whep } = this.#of(id);
    whep.push(performance.now() + WHEP_COUNTS_FOR_MS);
    if (whep.length > MOST_WHEP) whep.shift();
    return false;
  }

  /** The same where the camera's node takes no more viewers, however few of them watch through this server. */
  async takesRefusedWhep(node: SiteNodeInfo, request: FastifyRequest): Promise<boolean> {
    const { id } = request.params as { id: string };
    this.#of(id).whep.pop();
    this.#of(id).isFull = true;
    return this.#isPiped(id, node, request);
  }

  /** What a pipe of this node listens for, for the server of the node that is to send. Throws `not_found`. */
  listenerOf(id: string): PipeListener {
    const found = [...this.#watched.values()].find(({ pipe }) => pipe?.id === id)?.pipe?.listener;
    if (!found) throw new RuthError('not_found', 'this node has no such pipe');
    return found;
  }

  /** Where the node that asks listens, as its own server says. Throws `not_found`, `node_away`, `camera_not_found` where the camera is not here. */
  async askedBy(camera: string, { receiver, pipe }: PipeQuery, request: FastifyRequest): Promise<PipeListener> {
    const { site, others } = this.#options;
    if (request.elsewhere) throw new RuthError('camera_not_found', 'another node has the camera; pipes go from there alone');
    const node = (await site.map())?.node(receiver);
    if (!node) throw new RuthError('bad_request', `${receiver} is this node, or nothing is known of the site yet`);
    const listener = await others.get(node, request, `/api/v1/pipes/${pipe}`, pipeListener);
    if (listener.camera_id !== camera) throw new RuthError('bad_request', `that pipe is one of the camera ${listener.camera_id}`);
    return listener;
  }

  [Symbol.dispose](): void { for (const { pipe } of this.#watched.values()) pipe?.end('the server is stopping'); }

  async #isPiped(camera: string, node: SiteNodeInfo, request: FastifyRequest): Promise<boolean> {
    const { fromViewers } = this.#options;
    if (fromViewers === 0 || node.serverUrl === null) return false;
    const watched = this.#of(camera);
    // It has moved.
    if (watched.pipe && watched.pipe.nodeId !== node.id) watched.pipe.end('another node has the camera');
    const nowMs = performance.now();
    watched.whep = watched.whep.filter((untilMs) => untilMs > nowMs);
    const isMuchWatched = watched.isFull || watched.viewers + watched.whep.length + 1 >= fromViewers;
    if (!watched.pipe && (!isMuchWatched || nowMs < watched.restUntilMs)) return false;
    if (!watched.pipe) await this.#open(camera, node, request, watched);
    return watched.pipe?.ready ?? false;
  }

  async #open(camera: string, node: SiteNodeInfo, request: FastifyRequest, watched: Watched): Promise<void> {
    const { kernel, site, others, logger } = this.#options;
    const own = (await site.map())?.view.node;
    // Two viewers at once open one.
    if (own === undefined || watched.pipe) return;
    const pipe = watched.pipe = new Pipe({ camera, node, own, kernel, others, request });
    void pipe.ready.then((isReady) => {
      if (!isReady) return;
      this.counters.opened++;
      watched.isFull = false;
      logger.info({ camera, node: node.id }, 'the camera of another node comes over a pipe');
    });
    void pipe.ended.then(({ why, failure }) => {
      if (watched.pipe === pipe) watched.pipe = null;
      if (failure !== null) {
        this.counters.failed++;
        watched.restUntilMs = performance.now() + REST_MS[failure];
        logger.warn({ camera, node: node.id }, `a camera of another node does not come over a pipe, but straight from there to each viewer for the next ${REST_MS[failure] / 1000} s: ${why}`);
      }
      this.#forget(camera);
    });
  }

  #of(camera: string): Watched {
    const watched = this.#watched.get(camera) ?? { viewers: 0, whep: [], isFull: false, restUntilMs: -Infinity, pipe: null };
    this.#watched.set(camera, watched);
    return watched;
  }

  #forget(camera: string): void {
    const watched = this.#watched.get(camera);
    if (watched && watched.viewers === 0 && watched.whep.length === 0 && watched.pipe === null && watched.restUntilMs < performance.now()) this.#watched.delete(camera);
  }
}

interface PipeOptions extends Pick<LivePipesOptions, 'kernel' | 'others'> {
  readonly camera: string;
  readonly node: SiteNodeInfo;
  /** Name of this node. */
  readonly own: string;
  /** Of the viewer in whose name the other node is asked. */
  readonly request: FastifyRequest;
}

type Failure = keyof typeof REST_MS;
interface PipeEnd { readonly why: string; /** Null where it had been there, or nobody wants it. */ readonly failure: Failure | null }

/** This node's kernel and that of the camera, joined by their WebSockets. */
class Pipe {
  readonly id = randomUUID();
  readonly nodeId: string;
  readonly ready: Promise<boolean>;
  readonly ended: Promise<PipeEnd>;
  listener: PipeListener | null = null;
  readonly #options: PipeOptions;
  readonly #ready = Promise.withResolvers<boolean>();
  readonly #ended = Promise.withResolvers<PipeEnd>();
  readonly #limit = setTimeout(() => this.end(`it is not ready after ${READY_LIMIT_MS / 1000} s`, 'lasting'), READY_LIMIT_MS);
  readonly #receiver: WebSocket;
  #sender: WebSocket | null = null;
  /** For the other node's server to be there. */
  readonly #waiting: string[] = [];
  #wasReady = false;

  constructor(options: PipeOptions) {
    const { kernel, camera, node } = this.#options = options;
    this.nodeId = node.id;
    this.ready = this.#ready.promise;
    this.ended = this.#ended.promise;
    this.#receiver = this.#connect({ address: `ws+unix:${kernel.socketPath}:/v1/piped/${camera}?toward=${encodeURIComponent(new URL(node.serverUrl!).hostname)}`, name: 'the kernel' });
    this.#receiver.on('message', (data: Buffer) => this.#take(data.toString()));
  }

  end(why: string, failure: Failure | null = null): void {
    clearTimeout(this.#limit);
    this.#ready.resolve(false);
    // Who had it comes back, and all at once: they shall not all go to the camera's node.
    this.#ended.resolve({ why, failure: this.#wasReady ? null : failure });
    this.#receiver.terminate();
    this.#sender?.terminate();
  }

  #take(text: string): void {
    let message: PipeFromReceiver;
    try {
      message = fromReceiver.parse(JSON.parse(text), 'internal');
    } catch (cause) {
      return this.end((cause as Error).message, 'lasting');
    }
    if (message.type === 'ready') {
      clearTimeout(this.#limit);
      this.#wasReady = true;
      this.#ready.resolve(true);
    } else if (message.type === 'listen') {
      const { camera, node, others, request, own } = this.#options;
      this.listener = { camera_id: camera, address: message.address, port: message.port };
      const sender = this.#sender = this.#connect(others.live(node, request, `/api/v1/cameras/${camera}/pipe?receiver=${own}&pipe=${this.id}`));
      sender.on('open', () => {
        keepAlive(sender, PING_EVERY_MS);
        for (const waiting of this.#waiting.splice(0)) sender.send(waiting);
      });
      sender.on('message', (data: Buffer) => { if (this.#receiver.readyState === WebSocket.OPEN) this.#receiver.send(data.toString()); });
    } else if (this.#sender?.readyState === WebSocket.OPEN) this.#sender.send(text);
    else if (this.#waiting.push(text) > MOST_WAITING) this.end('the kernel says more than it may before the other node is there', 'lasting');
  }

  #connect({ address, name, headers = {}, ca }: LiveSource): WebSocket {
    const socket = new WebSocket(address, { headers, ...(ca === undefined ? {} : { ca }), perMessageDeflate: false, handshakeTimeout: HANDSHAKE_MS, maxPayload: MOST_MESSAGE_BYTES });
    socket.on('unexpected-response', (_request, response) => {
      response.resume();
      this.end(`${name} refused with status ${response.statusCode}`, response.statusCode === 404 ? 'lasting' : 'passing');
    });
    socket.on('error', (cause) => this.end(`${name} cannot be reached (${(cause as NodeJS.ErrnoException).code ?? cause.message})`, 'passing'));
    socket.on('close', (code, reason) => {
      this.end(reason.length > 0 ? `${name}: ${reason.toString()}` : `${name} ended it (${code})`, LASTING_CODES.includes(code) ? 'lasting' : 'passing');
    });
    return socket;
  }
}
