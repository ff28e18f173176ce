// Tells an MQTT broker how each camera stands, and takes back what is no longer so. What happens couriers bring it (mqtt-target.ts).
import { CameraStatus, validator, type CoreEvent, type KernelEvent, type MqttConfig } from '@ruth/protocol';
import type { Logger, ReadSecret } from '@ruth/transport';
import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import type { Standing } from '../../events/standing-state.ts';
import type { Upstream } from '../../upstream.ts';
import type { Target } from '../notify/targets.ts';
import { BrokerLink } from './broker-link.ts';
import { discoveryOf, withdrawalOf, type DiscoveryContext } from './home-assistant.ts';
import { OnvifEvents } from './onvif-events.ts';
import { mqttTarget } from './mqtt-target.ts';
import { frameOf } from './onvif-metadata.ts';
import { CameraTopics } from './topics.ts';

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
  /** The broker is there, again. */
  readonly onConnected?: () => void;
  /** Between attempts to reach the broker, and between looks at the cameras; for tests. */
  readonly reconnectMs?: number;
  readonly roundMs?: number;
  /** How long a broker takes at most to tell what it holds. */
  readonly foundWithinMs?: number;
}

interface Known { readonly topics: CameraTopics; name: string; said: string; snapshotMs: number }

export class MqttBridge {
  readonly #options: MqttBridgeOptions;
  readonly #prefix: string;
  readonly #discovery: DiscoveryContext | null;
  readonly #onvif: OnvifEvents | null;
  readonly #broker: BrokerLink;
  /** For events. */
  readonly target: Target;
  #wake = new AbortController();
  readonly #cameras = new Map<string, Known>();
  readonly #lookedAt = new Set<string>();
  #coreBeganS: number | null = null;
  /** The connection on which the broker was asked for what it holds. */
  #lookedInto = 0;

  constructor(options: MqttBridgeOptions) {
    this.#options = options;
    const { topic_prefix: prefix = 'ruth', home_assistant: home = true, snapshots = true } = options.config;
    this.#prefix = prefix;
    this.#onvif = options.config.onvif_metadata ? new OnvifEvents(prefix) : null;
    this.#discovery = home === false ? null : { discoveryPrefix: home === true ? 'homeassistant' : home, prefix, version: options.version, snapshots };
    this.#broker = new BrokerLink({
      ...options, statusTopic: `${prefix}/status`, isStatusShared: options.ownsPrefix === false, onConnected: () => this.#connected(),
      // Home Assistant that starts anew asks for what it forgot.
      listenTo: this.#discovery && `${this.#discovery.discoveryPrefix}/status`, onHeard: (payload) => { if (payload === 'online') for (const camera of this.#cameras.values()) this.#discover(camera, true); },
    });
    this.target = mqttTarget(options.config, this.#broker);
  }

  get counters(): BrokerLink['counters'] { return this.#broker.counters; }
  get waiting(): number { return this.#broker.waiting; }
  get connected(): boolean { return this.#broker.connected; }

  /** Ends when `signal` aborts; says then that it is gone. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#broker.run(signal), this.#runRounds(signal)]);
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
    if (event.type === 'model.down') for (const { topics } of this.#cameras.values()) this.#broker.sendAll(topics.forgetModel(event.model_id));
    if (this.#onvif) {
      const frame = event.type === 'detection' ? frameOf(this.#prefix, event.look) : null;
      // What is seen now is of no use later.
      if (frame && this.#broker.ready) this.#broker.send(frame);
      this.#broker.sendAll(this.#onvif.take(event));
    }
    if (!('camera_id' in event)) return;
    const camera = this.#camera(event.camera_id);
    this.#broker.sendAll(camera.topics.take(event));
    this.#discover(camera);
    if (event.type === 'alert.raised' || (event.type === 'track.started' && event.track.class_name === 'person')) void this.#snapshot(camera);
  }

  async #runRounds(signal: AbortSignal): Promise<void> {
    const { roundMs = ROUND_MS } = this.#options;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      if (this.connected) await this.#round(signal).catch(() => undefined);
      await sleep(roundMs, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => undefined);
    }
  }

  /** Looks at which cameras there are: what comes is made known, what is gone taken back; and whether core began anew. */
  async #round(signal: AbortSignal): Promise<void> {
    await this.#lookAtCore();
    const cameras = await this.#options.kernel.get('/v1/cameras', cameraStatuses);
    for (const { camera_id: id, name, state } of cameras) {
      const camera = this.#camera(id);
      camera.name = name;
      this.#broker.sendAll([...camera.topics.status(state === 'streaming'), ...(this.#onvif?.signal(id, state !== 'streaming', Date.now() / 1000) ?? [])]);
      this.#discover(camera);
    }
    for (const [id, { topics }] of this.#cameras) {
      if (cameras.some((camera) => camera.camera_id === id)) continue;
      this.#cameras.delete(id);
      this.#lookedAt.delete(id);
      this.#broker.sendAll([...topics.cleared(), ...(this.#onvif?.cleared(id) ?? []), ...(this.#discovery ? [withdrawalOf(id, this.#discovery)] : [])]);
    }
    if (this.connected && this.#lookedInto !== this.counters.connections) await this.#lookIntoBroker(signal);
  }

  async #lookAtCore(): Promise<void> {
    const beganS = await this.#options.coreBegan?.().catch(() => null) ?? null;
    if (beganS === null) return;
    if (this.#coreBeganS !== null && beganS > this.#coreBeganS + BEGAN_WITHIN_S) {
      for (const { topics } of this.#cameras.values()) this.#broker.sendAll(topics.beganAnew(beganS));
      this.#broker.sendAll(this.#onvif?.beganAnew(beganS) ?? []);
    }
    this.#coreBeganS = beganS;
  }

  /** A broker keeps what is retained for years. What it holds and this server did not say was so when another one ran: it is put right, or taken back. */
  async #lookIntoBroker(signal: AbortSignal): Promise<void> {
    const { foundWithinMs = FOUND_WITHIN_MS } = this.#options;
    this.#lookedInto = this.counters.connections;
    await this.#broker.lookInto([...STATES.map((state) => `${this.#prefix}/cameras/+/${state}`), ...(this.#onvif ? [`${this.#prefix}/onvif-ej/#`] : [])], foundWithinMs, signal, (topic) => this.#found(topic));
  }

  #found(topic: string): void {
    const { ownsPrefix = true } = this.#options;
    if (topic.startsWith(`${this.#prefix}/onvif-ej/`)) {
      if (ownsPrefix && this.#onvif?.stands(topic) === false) this.#broker.send({ topic, payload: '', retain: true });
      return;
    }
    const [id = '', ...rest] = topic.slice(`${this.#prefix}/cameras/`.length).split('/');
    const camera = this.#cameras.get(id);
    if (camera) return this.#broker.sendAll(camera.topics.found(rest.join('/'), this.#lookedAt.has(id)));
    if (!ownsPrefix) return;
    this.#broker.send({ topic, payload: '', retain: true });
    if (rest[0] === 'status') this.#broker.sendAll([{ topic: `${this.#prefix}/cameras/${id}/snapshot`, payload: '', retain: true }, ...(this.#discovery ? [withdrawalOf(id, this.#discovery)] : [])]);
  }

  /** A broker may have forgotten everything. */
  #connected(): void {
    for (const camera of this.#cameras.values()) {
      this.#discover(camera, true);
      this.#broker.sendAll(camera.topics.standing());
    }
    this.#broker.sendAll(this.#onvif?.standing() ?? []);
    this.#wake.abort();
    this.#options.onConnected?.();
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
    this.#broker.send(message);
  }

  async #snapshot(camera: Known): Promise<void> {
    const nowMs = performance.now();
    if (this.#options.config.snapshots === false || !this.connected || nowMs - camera.snapshotMs < SNAPSHOT_EVERY_MS) return;
    camera.snapshotMs = nowMs;
    const payload = await this.#options.kernel.bytes(`/v1/cameras/${camera.topics.cameraId}/snapshot.jpg`).catch(() => null);
    if (payload) this.#broker.send({ topic: camera.topics.topic('snapshot'), payload, retain: true });
  }
}
