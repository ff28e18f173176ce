// Tells an MQTT broker what happens, and how each camera stands. While the broker is away the newest state of each topic and the newest
// events wait; older events are let go and counted. A broker that loses this server tells the others so (last will).
import { CameraStatus, validator, type CoreEvent, type KernelEvent, type MqttConfig } from '@ruth/protocol';
import type { Logger, ReadSecret } from '@ruth/transport';
import { connectAsync, type MqttClient } from 'mqtt';
import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import type { Standing } from '../../events/standing-state.ts';
import type { Upstream } from '../../upstream.ts';
import { discoveryOf, withdrawalOf, type DiscoveryContext } from './home-assistant.ts';
import { OnvifEvents } from './onvif-events.ts';
import { frameOf } from './onvif-metadata.ts';
import { CameraTopics, type MqttMessage } from './topics.ts';

const MOST_WAITING = 512;
/** On their way to the broker, and not acknowledged. */
const MOST_IN_FLIGHT = 256;
const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_MS = 2000;
const ROUND_MS = 10_000;
const SNAPSHOT_EVERY_MS = 5000;
const FOUND_WITHIN_MS = 5000;
/** Clocks and answers waver; no core begins anew and is asked again within this. */
const BEGAN_WITHIN_S = 1;
const STATES = ['status', 'motion', 'objects/+', 'zones/+', 'rules/+'];
const cameraStatuses = validator(Type.Array(CameraStatus));

export interface MqttBridgeOptions {
  readonly config: MqttConfig;
  readonly kernel: Upstream;
  /** When the core that runs began, UTC seconds. Throws `unreachable`. */
  readonly coreBegan?: () => Promise<number>;
  /** Whether no other server says anything under this prefix: then what it does not know is taken back. True unless told. */
  readonly ownsPrefix?: boolean;
  readonly logger: Logger;
  readonly version: string;
  readonly readSecret: ReadSecret;
  /** Between attempts to reach the broker, and between looks at the cameras; for tests. */
  readonly reconnectMs?: number;
  readonly roundMs?: number;
  /** How long a broker takes at most to tell what it holds. */
  readonly foundWithinMs?: number;
}

interface Known { readonly topics: CameraTopics; name: string; said: string; snapshotMs: number }

export class MqttBridge {
  readonly counters = { published: 0, dropped: 0, failed: 0, connections: 0 };
  readonly #options: MqttBridgeOptions;
  readonly #prefix: string;
  readonly #discovery: DiscoveryContext | null;
  readonly #onvif: OnvifEvents | null;
  readonly #cameras = new Map<string, Known>();
  /** Events that wait for the broker; states do not, for they are said anew. */
  readonly #waiting: MqttMessage[] = [];
  /** The newest of each topic that waits for others to arrive. */
  readonly #late = new Map<string, MqttMessage>();
  readonly #lookedAt = new Set<string>();
  #coreBeganS: number | null = null;
  /** The connection on which the broker was asked for what it holds. */
  #lookedInto = 0;
  #client: MqttClient | null = null;
  #inFlight = 0;

  constructor(options: MqttBridgeOptions) {
    this.#options = options;
    const { topic_prefix: prefix = 'ruth', home_assistant: home = true, snapshots = true } = options.config;
    this.#prefix = prefix;
    this.#onvif = options.config.onvif_metadata ? new OnvifEvents(prefix) : null;
    this.#discovery = home === false ? null : { discoveryPrefix: home === true ? 'homeassistant' : home, prefix, version: options.version, snapshots };
  }

  get waiting(): number { return this.#waiting.length; }
  get connected(): boolean { return this.#client?.connected === true; }

  /** Ends when `signal` aborts; says then that it is gone. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, reconnectMs = RECONNECT_MS, roundMs = ROUND_MS } = this.#options;
    let client: MqttClient | null = null;
    let complained = false;
    while (!signal.aborted && client === null) {
      client = await this.#connect(reconnectMs).catch((error: unknown) => {
        if (!complained) logger.warn(`the MQTT broker ${this.#options.config.url} is not there: ${(error as Error).message}; trying until it is`);
        complained = true;
        return null;
      });
      if (client === null) await sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
    }
    while (!signal.aborted) {
      await this.#round(signal).catch(() => undefined);
      await sleep(roundMs, undefined, { signal }).catch(() => undefined);
    }
    if (client === null) return;
    if (client.connected) await client.publishAsync(`${this.#prefix}/status`, 'offline', { qos: 1, retain: true }).catch(() => undefined);
    await client.endAsync(true).catch(() => undefined);
  }

  /** How things stood before this server began: nothing of it is told as an event. */
  begin({ events, lookedAt }: Standing): void {
    for (const event of events) {
      this.#onvif?.take(event);
      if ('camera_id' in event) this.#camera(event.camera_id).topics.take(event);
    }
    for (const id of lookedAt) {
      this.#lookedAt.add(id);
      this.#camera(id).topics.lookedAt();
    }
  }

  take(event: CoreEvent | KernelEvent): void {
    if (event.type === 'model.down') for (const { topics } of this.#cameras.values()) this.#sendAll(topics.forgetModel(event.model_id));
    if (this.#onvif) {
      const frame = event.type === 'detection' ? frameOf(this.#prefix, event.look) : null;
      // What is seen now is of no use later.
      if (frame && this.#canSend()) this.#send(frame);
      this.#sendAll(this.#onvif.take(event));
    }
    if (!('camera_id' in event)) return;
    const camera = this.#camera(event.camera_id);
    this.#sendAll(camera.topics.take(event));
    this.#discover(camera);
    if (event.type === 'alert.raised' || (event.type === 'track.started' && event.track.class_name === 'person')) void this.#snapshot(camera);
  }

  /** Looks at which cameras there are: what comes is made known, what is gone taken back; and whether core began anew. */
  async #round(signal: AbortSignal): Promise<void> {
    await this.#lookAtCore();
    const cameras = await this.#options.kernel.get('/v1/cameras', cameraStatuses);
    for (const { camera_id: id, name, state } of cameras) {
      const camera = this.#camera(id);
      camera.name = name;
      this.#sendAll([...camera.topics.status(state === 'streaming'), ...(this.#onvif?.signal(id, state !== 'streaming', Date.now() / 1000) ?? [])]);
      this.#discover(camera);
    }
    for (const [id, { topics }] of this.#cameras) {
      if (cameras.some((camera) => camera.camera_id === id)) continue;
      this.#cameras.delete(id);
      this.#lookedAt.delete(id);
      this.#sendAll([...topics.cleared(), ...(this.#onvif?.cleared(id) ?? []), ...(this.#discovery ? [withdrawalOf(id, this.#discovery)] : [])]);
    }
    if (this.connected && this.#lookedInto !== this.counters.connections) await this.#lookIntoBroker(signal);
  }

  async #lookAtCore(): Promise<void> {
    const beganS = await this.#options.coreBegan?.().catch(() => null) ?? null;
    if (beganS === null) return;
    if (this.#coreBeganS !== null && beganS > this.#coreBeganS + BEGAN_WITHIN_S) {
      for (const { topics } of this.#cameras.values()) this.#sendAll(topics.beganAnew(beganS));
      this.#sendAll(this.#onvif?.beganAnew(beganS) ?? []);
    }
    this.#coreBeganS = beganS;
  }

  /** A broker keeps what is retained for years. What it holds and this server did not say was so when another one ran: it is put right, or taken back. */
  async #lookIntoBroker(signal: AbortSignal): Promise<void> {
    const client = this.#client!;
    const { foundWithinMs = FOUND_WITHIN_MS } = this.#options;
    const filters = [...STATES.map((state) => `${this.#prefix}/cameras/+/${state}`), ...(this.#onvif ? [`${this.#prefix}/onvif-ej/#`] : [])];
    const onMessage = (topic: string, payload: Buffer, { retain }: { readonly retain: boolean }): void => { if (retain && payload.length > 0) this.#found(topic); };
    client.on('message', onMessage);
    try {
      this.#lookedInto = this.counters.connections;
      await client.subscribeAsync(filters, { qos: 0 });
      await sleep(foundWithinMs, undefined, { signal });
      // What is said from now on need not come back.
      await client.unsubscribeAsync(filters);
    } finally {
      client.off('message', onMessage);
    }
  }

  #found(topic: string): void {
    const { ownsPrefix = true } = this.#options;
    if (topic.startsWith(`${this.#prefix}/onvif-ej/`)) {
      if (ownsPrefix && this.#onvif?.stands(topic) === false) this.#send({ topic, payload: '', retain: true });
      return;
    }
    const [id = '', ...rest] = topic.slice(`${this.#prefix}/cameras/`.length).split('/');
    const camera = this.#cameras.get(id);
    if (camera) return this.#sendAll(camera.topics.found(rest.join('/'), this.#lookedAt.has(id)));
    if (!ownsPrefix) return;
    this.#send({ topic, payload: '', retain: true });
    if (rest[0] === 'status') this.#sendAll([{ topic: `${this.#prefix}/cameras/${id}/snapshot`, payload: '', retain: true }, ...(this.#discovery ? [withdrawalOf(id, this.#discovery)] : [])]);
  }

  async #connect(reconnectMs: number): Promise<MqttClient> {
    const { url, user, password } = this.#options.config;
    const client = await connectAsync(url, {
      ...(user === undefined ? {} : { username: user }), ...(password === undefined ? {} : { password: await this.#options.readSecret(password) }),
      will: { topic: `${this.#prefix}/status`, payload: Buffer.from('offline'), qos: 1, retain: true },
      connectTimeout: CONNECT_TIMEOUT_MS, reconnectPeriod: reconnectMs, queueQoSZero: false, resubscribe: false, clientId: `ruth-${crypto.randomUUID().slice(0, 8)}`,
    }, false);
    this.#client = client;
    client.on('error', () => undefined);
    client.on('close', () => {
      this.#inFlight = 0;
      this.#late.clear();
    });
    client.on('connect', () => this.#connected());
    // Home Assistant that starts anew asks for what it forgot.
    client.on('message', (topic, payload) => { if (topic === `${this.#discovery?.discoveryPrefix}/status` && payload.toString() === 'online') for (const camera of this.#cameras.values()) this.#discover(camera, true); });
    this.#connected();
    return client;
  }

  /** A broker may have forgotten everything. */
  #connected(): void {
    const { logger, config } = this.#options;
    this.counters.connections++;
    logger.info(`connected to the MQTT broker ${config.url}`);
    if (this.#discovery) this.#client!.subscribe(`${this.#discovery.discoveryPrefix}/status`, { qos: 0 }, () => undefined);
    this.#send({ topic: `${this.#prefix}/status`, payload: 'online', retain: true });
    for (const camera of this.#cameras.values()) {
      this.#discover(camera, true);
      this.#sendAll(camera.topics.standing());
    }
    this.#sendAll(this.#onvif?.standing() ?? []);
    this.#drain();
  }

  #camera(id: string): Known {
    const known = this.#cameras.get(id) ?? { topics: new CameraTopics(this.#prefix, id), name: id, said: '', snapshotMs: -Infinity };
    this.#cameras.set(id, known);
    return known;
  }

  #discover(camera: Known, again = false): void {
    if (!this.#discovery) return;
    const message = discoveryOf(camera.topics, camera.name, this.#discovery);
    if (!again && camera.said === message.payload) return;
    camera.said = String(message.payload);
    this.#send(message);
  }

  async #snapshot(camera: Known): Promise<void> {
    const nowMs = performance.now();
    if (this.#options.config.snapshots === false || !this.connected || nowMs - camera.snapshotMs < SNAPSHOT_EVERY_MS) return;
    camera.snapshotMs = nowMs;
    const payload = await this.#options.kernel.bytes(`/v1/cameras/${camera.topics.cameraId}/snapshot.jpg`).catch(() => null);
    if (payload) this.#send({ topic: camera.topics.topic('snapshot'), payload, retain: true });
  }

  #canSend(): boolean { return this.connected && this.#inFlight < MOST_IN_FLIGHT; }

  #sendAll(messages: readonly MqttMessage[]): void { for (const message of messages) this.#send(message); }

  #send(message: MqttMessage): void {
    if (this.#canSend()) return this.#publish(message);
    if (message.retain) {
      // Where the broker is away, all that stands is said anew when it is back.
      if (this.connected) this.#late.set(message.topic, message);
      return;
    }
    this.#waiting.push(message);
    if (this.#waiting.length > MOST_WAITING) {
      this.#waiting.shift();
      this.counters.dropped++;
    }
  }

  #publish({ topic, payload, retain }: MqttMessage): void {
    this.#inFlight++;
    this.#client!.publish(topic, payload, { qos: 1, retain }, (error) => {
      this.#inFlight = Math.max(0, this.#inFlight - 1);
      if (error) this.counters.failed++;
      else this.counters.published++;
      this.#drain();
    });
  }

  /** What had to wait for others to arrive. */
  #drain(): void {
    while (this.#canSend()) {
      const [late] = this.#late.values();
      const next = late ?? this.#waiting.shift();
      if (!next) return;
      if (late) this.#late.delete(late.topic);
      this.#publish(next);
    }
  }
}
