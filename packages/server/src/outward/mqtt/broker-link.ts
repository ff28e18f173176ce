// The connection to an MQTT broker, made anew whenever it breaks. States that cannot go out are not kept, for they are said anew when it is back; of those that a slow broker
// holds up the newest of each topic waits. MQTT 5, which says what a broker refuses, and 3.1.1 where the broker knows no other. Events are kept elsewhere: who tells one hears whether the broker has it. A broker that loses this server tells the others so (last will).
import { setTimeout as sleep } from 'node:timers/promises';
import { RuthError, type MqttConfig } from '@ruth/protocol';
import type { Logger, ReadSecret } from '@ruth/transport';
import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import type { MqttMessage } from './topics.ts';

/** On their way to the broker, and not acknowledged. */
const MOST_IN_FLIGHT = 256;
const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_MS = 2000;
/** Of what is heard: `online`, `offline`. */
const LONGEST_HEARD = 16;
/** Neither may be mended by waiting: not authorized; topic, size or payload that it does not take. The rest may. */
const NOT_AUTHORIZED = 135;
const NOT_TAKEN = [144, 149, 153];
/** Of MQTT 3.1.1 and of 5. */
const UNKNOWN_VERSION = [1, 132];
/** After half as long again without an answer the broker counts as gone. */
const KEEP_ALIVE_S = 15;
/** What is on its way when the server ends is waited for so long at most. */
const END_LIMIT_MS = 5000;

export interface BrokerLinkOptions {
  readonly config: MqttConfig;
  /** Says `online` or `offline`, retained; of this server alone. */
  readonly statusTopic: string;
  /** Filters of topics on which others are heard. */
  readonly listenTo: readonly string[];
  readonly logger: Logger;
  readonly readSecret: ReadSecret;
  /** Between attempts to reach the broker; for tests. */
  readonly reconnectMs?: number | undefined;
  /** The broker may have forgotten everything: what stands is said again. */
  readonly onConnected: () => void;
  /** What came on `listenTo`; own messages, too, where it takes them in. */
  readonly onHeard: (topic: string, payload: string) => void;
}

interface Told { readonly message: MqttMessage; readonly done: (error: Error | null) => void }

export class BrokerLink {
  readonly counters = { published: 0, failed: 0, connections: 0 };
  readonly #options: BrokerLinkOptions;
  /** The newest state of each topic that waits for others to arrive. */
  readonly #late = new Map<string, MqttMessage>();
  /** Events that do; as many as couriers bring at once. */
  #told: Told[] = [];
  #client: MqttClient | null = null;
  #inFlight = 0;
  #mostInFlight = MOST_IN_FLIGHT;
  #refused: string | null = null;
  #isEnding = false;
  #onIdle: (() => void) | null = null;

  constructor(options: BrokerLinkOptions) { this.#options = options; }

  /** Messages that the broker has not acknowledged. */
  get waiting(): number { return this.#inFlight + this.#late.size + this.#told.length; }
  get connected(): boolean { return this.#client?.connected === true; }
  /** Whether a message would go out at once. */
  get ready(): boolean { return this.connected && this.#inFlight < this.#mostInFlight; }

  /** Is connected, as far as that can be had, until `signal` aborts; says then that this server is gone. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, logger, reconnectMs = RECONNECT_MS } = this.#options;
    const aborted = new Promise<void>((resolve) => { signal.addEventListener('abort', () => resolve(), { once: true }); });
    let complained = false;
    while (!signal.aborted) {
      try {
        const client = await this.#connect();
        complained = false;
        const closed = new Promise<void>((resolve) => { client.once('close', () => resolve()); });
        await Promise.race([closed, aborted]);
        if (signal.aborted) await this.#end(client, closed);
        this.#letGo(client);
      } catch (error) {
        if (!complained) logger.warn(`the MQTT broker ${config.url} is not there: ${(error as Error).message}; trying until it is`);
        // oxlint-disable-next-line no-useless-assignment -- the next round reads it
        complained = true;
      }
      await sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
    }
  }

  sendAll(messages: readonly MqttMessage[]): void { for (const message of messages) this.send(message); }

  /** A state, or what is of no use later. */
  send(message: MqttMessage): void {
    if (this.#isEnding) return;
    if (this.ready) this.#publish(message);
    else if (this.connected && message.retain) this.#late.set(message.topic, message);
  }

  /**
   * Resolves once the broker has it. Throws `unreachable` where it is away, or goes meanwhile: then nobody knows; `forbidden` and `bad_request` where it refuses this message for good.
   * In the order of the calls.
   */
  tell(message: MqttMessage): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const done: Told['done'] = (error) => (error ? reject(new RuthError(codeOf(error), `the MQTT broker did not take it: ${error.message}`, { cause: error })) : resolve());
    if (this.#isEnding || !this.connected) done(new Error('it is not there'));
    else if (this.ready && this.#told.length === 0) this.#publish(message, done);
    else this.#told.push({ message, done });
    return promise;
  }

  /** Tells of each topic under `filters` for which the broker holds a message. Throws where the connection ends meanwhile. */
  async lookInto(filters: string[], withinMs: number, signal: AbortSignal, found: (topic: string) => void): Promise<void> {
    const client = this.#client;
    // One that is not connected would keep what it is asked, and never answer.
    const assertThere = (): void => { if (!client?.connected) throw new RuthError('unreachable', 'the MQTT broker is not there'); };
    assertThere();
    const onMessage = (topic: string, payload: Buffer, { retain }: { readonly retain: boolean }): void => { if (retain && payload.length > 0) found(topic); };
    client!.on('message', onMessage);
    try {
      await client!.subscribeAsync(filters, { qos: 0 });
      await sleep(withinMs, undefined, { signal });
      // What is said from now on need not come back.
      assertThere();
      await client!.unsubscribeAsync(filters);
    } finally {
      client!.off('message', onMessage);
    }
  }

  /** Each connection is a client of its own: what one that broke had not brought is brought again by who told it, and by nobody else. */
  async #connect(): Promise<MqttClient> {
    const { config: { url, user, password }, statusTopic, listenTo, logger, readSecret, onConnected, onHeard } = this.#options;
    const options: IClientOptions = {
      ...(user === undefined ? {} : { username: user }), ...(password === undefined ? {} : { password: await readSecret(password) }),
      will: { topic: statusTopic, payload: Buffer.from('offline'), qos: 1, retain: true },
      connectTimeout: CONNECT_TIMEOUT_MS, reconnectPeriod: 0, keepalive: KEEP_ALIVE_S, queueQoSZero: false, clientId: `ruth-${crypto.randomUUID().slice(0, 8)}`,
    };
    const { client, connack } = await connected(url, { ...options, protocolVersion: 5 }).catch((error: unknown) => {
      if (!isOfVersion(error)) throw error;
      return connected(url, options);
    });
    this.#mostInFlight = Math.min(MOST_IN_FLIGHT, connack.properties?.receiveMaximum ?? MOST_IN_FLIGHT);
    this.#refused = null;
    client.on('error', () => undefined);
    client.on('message', (topic, payload) => { if (payload.length <= LONGEST_HEARD) onHeard(topic, payload.toString()); });
    this.#client = client;
    this.counters.connections++;
    logger.info(`connected to the MQTT broker ${url}`);
    if (listenTo.length > 0) client.subscribe([...listenTo], { qos: 0, nl: true }, () => undefined);
    this.send({ topic: statusTopic, payload: 'online', retain: true });
    onConnected();
    return client;
  }

  async #end(client: MqttClient, closed: Promise<void>): Promise<void> {
    this.#isEnding = true;
    const limit = sleep(END_LIMIT_MS, undefined, { ref: false });
    if (this.waiting > 0) await Promise.race([new Promise<void>((resolve) => { this.#onIdle = resolve; }), closed, limit]);
    if (client.connected) await Promise.race([client.publishAsync(this.#options.statusTopic, 'offline', { qos: 1, retain: true }).catch(() => undefined), closed, limit]);
  }

  #publish({ topic, payload, retain }: MqttMessage, done?: Told['done']): void {
    this.#inFlight++;
    this.#client!.publish(topic, payload, { qos: 1, retain }, (error) => {
      this.#inFlight--;
      if (error) this.#failed(topic, error);
      else this.counters.published++;
      done?.(error ?? null);
      this.#drain();
    });
  }

  /** The first refusal of each kind is told for each connection: who may connect need not be allowed to tell. */
  #failed(topic: string, error: Error): void {
    this.counters.failed++;
    if (codeOf(error) === 'unreachable' || this.#refused === error.message) return;
    this.#refused = error.message;
    this.#options.logger.warn(`the MQTT broker refuses what it is told at ${topic}: ${error.message}`);
  }

  /** What had to wait for others to arrive. */
  #drain(): void {
    while (this.ready) {
      const [late] = this.#late.values();
      if (late) {
        this.#late.delete(late.topic);
        this.#publish(late);
        continue;
      }
      const told = this.#told.shift();
      if (!told) break;
      this.#publish(told.message, told.done);
    }
    if (this.waiting === 0) this.#onIdle?.();
  }

  /** The connection is gone: whoever waits hears that nothing arrives. */
  #letGo(client: MqttClient): void {
    this.#client = null;
    client.end(true);
    this.#late.clear();
    const told = this.#told;
    this.#told = [];
    for (const { done } of told) done(new Error('the connection ended'));
  }
}

/** Throws where the broker refuses, or ends the connection, before it is made; with the reason code of MQTT where it gave one. */
async function connected(url: string, options: IClientOptions): Promise<{ client: MqttClient; connack: IConnackPacket }> {
  const client = connect(url, options);
  const { promise, resolve, reject } = Promise.withResolvers<IConnackPacket>();
  const onClose = (): void => reject(new Error('it ended the connection'));
  client.once('connect', resolve).once('error', reject).once('close', onClose);
  try {
    return { client, connack: await promise };
  } catch (error) {
    client.end(true);
    throw error;
  } finally {
    client.off('error', reject).off('close', onClose);
  }
}

/** Whether a broker may not know the version of MQTT: it says so, or ends the connection without a word. What the system says has a code of letters. */
function isOfVersion(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === undefined || UNKNOWN_VERSION.includes(code as number);
}

function codeOf(error: Error): 'unreachable' | 'forbidden' | 'bad_request' {
  const { code } = error as { readonly code?: unknown };
  if (code === NOT_AUTHORIZED) return 'forbidden';
  return NOT_TAKEN.includes(code as number) ? 'bad_request' : 'unreachable';
}
