// The connection to an MQTT broker, made again whenever it breaks. While the broker is away the newest events wait, and older ones are let go and
// counted; while it is slow the newest of each state waits. A broker that loses this server tells the others so (last will).
import type { MqttConfig } from '@ruth/protocol';
import type { Logger, ReadSecret } from '@ruth/transport';
import { connectAsync, type MqttClient } from 'mqtt';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MqttMessage } from './topics.ts';

const MOST_WAITING = 512;
/** On their way to the broker, and not acknowledged. */
const MOST_IN_FLIGHT = 256;
const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_MS = 2000;

export interface BrokerLinkOptions {
  readonly config: MqttConfig;
  /** Says `online` or `offline`, retained. */
  readonly statusTopic: string;
  /** Whether other servers say it too: then none of them is gone while one is there. False unless told. */
  readonly isStatusShared?: boolean;
  /** The topic on which another is heard; null: none. */
  readonly listenTo: string | null;
  readonly logger: Logger;
  readonly readSecret: ReadSecret;
  /** Between attempts to reach the broker; for tests. */
  readonly reconnectMs?: number | undefined;
  /** The broker may have forgotten everything: what stands is said again. */
  readonly onConnected: () => void;
  /** What came on `listenTo`. */
  readonly onHeard: (payload: string) => void;
}

export class BrokerLink {
  readonly counters = { published: 0, dropped: 0, failed: 0, connections: 0 };
  readonly #options: BrokerLinkOptions;
  /** Events that wait for the broker; states do not, for they are said anew. */
  readonly #waiting: MqttMessage[] = [];
  /** The newest of each topic that waits for others to arrive. */
  readonly #late = new Map<string, MqttMessage>();
  #client: MqttClient | null = null;
  #inFlight = 0;
  #isEnding = false;

  constructor(options: BrokerLinkOptions) { this.#options = options; }

  get waiting(): number { return this.#waiting.length; }
  get connected(): boolean { return this.#client?.connected === true; }
  /** Whether a message would go out at once. */
  get ready(): boolean { return this.connected && this.#inFlight < MOST_IN_FLIGHT; }

  /** Tries until the broker is there or `signal` aborts. */
  async connect(signal: AbortSignal): Promise<void> {
    const { config, logger, reconnectMs = RECONNECT_MS } = this.#options;
    let complained = false;
    while (!signal.aborted && this.#client === null) {
      await this.#connect(reconnectMs).catch((error: unknown) => {
        if (!complained) logger.warn(`the MQTT broker ${config.url} is not there: ${(error as Error).message}; trying until it is`);
        complained = true;
        return sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
      });
    }
  }

  /** Says that this server is gone. */
  async end(): Promise<void> {
    const client = this.#client;
    this.#isEnding = true;
    if (client?.connected) await client.publishAsync(this.#options.statusTopic, 'offline', { qos: 1, retain: true }).catch(() => undefined);
    await client?.endAsync(true).catch(() => undefined);
  }

  sendAll(messages: readonly MqttMessage[]): void { for (const message of messages) this.send(message); }

  send(message: MqttMessage): void {
    if (this.ready) return this.#publish(message);
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

  /** Tells of each topic under `filters` for which the broker holds a message. Throws where the connection ends meanwhile. */
  async lookInto(filters: string[], withinMs: number, signal: AbortSignal, found: (topic: string) => void): Promise<void> {
    const client = this.#client!;
    const onMessage = (topic: string, payload: Buffer, { retain }: { readonly retain: boolean }): void => { if (retain && payload.length > 0) found(topic); };
    client.on('message', onMessage);
    try {
      await client.subscribeAsync(filters, { qos: 0 });
      await sleep(withinMs, undefined, { signal });
      // What is said from now on need not come back.
      await client.unsubscribeAsync(filters);
    } finally {
      client.off('message', onMessage);
    }
  }

  async #connect(reconnectMs: number): Promise<void> {
    const { config: { url, user, password }, statusTopic, listenTo, readSecret, onHeard } = this.#options;
    const client = await connectAsync(url, {
      ...(user === undefined ? {} : { username: user }), ...(password === undefined ? {} : { password: await readSecret(password) }),
      will: { topic: statusTopic, payload: Buffer.from('offline'), qos: 1, retain: true },
      connectTimeout: CONNECT_TIMEOUT_MS, reconnectPeriod: reconnectMs, queueQoSZero: false, resubscribe: false, clientId: `ruth-${crypto.randomUUID().slice(0, 8)}`,
    }, false);
    this.#client = client;
    client.on('error', () => undefined);
    client.on('close', () => {
      this.#inFlight = 0;
      this.#late.clear();
    });
    client.on('connect', () => this.#connected());
    client.on('message', (topic, payload) => {
      if (topic === listenTo) onHeard(payload.toString());
      else if (topic === statusTopic && payload.toString() === 'offline' && !this.#isEnding) this.send({ topic: statusTopic, payload: 'online', retain: true });
    });
    this.#connected();
  }

  #connected(): void {
    const { config, statusTopic, isStatusShared = false, listenTo, logger, onConnected } = this.#options;
    this.counters.connections++;
    logger.info(`connected to the MQTT broker ${config.url}`);
    if (listenTo !== null) this.#client!.subscribe(listenTo, { qos: 0 }, () => undefined);
    if (isStatusShared) this.#client!.subscribe(statusTopic, { qos: 1 }, () => undefined);
    this.send({ topic: statusTopic, payload: 'online', retain: true });
    onConnected();
    this.#drain();
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
    while (this.ready) {
      const [late] = this.#late.values();
      const next = late ?? this.#waiting.shift();
      if (!next) return;
      if (late) this.#late.delete(late.topic);
      this.#publish(next);
    }
  }
}
