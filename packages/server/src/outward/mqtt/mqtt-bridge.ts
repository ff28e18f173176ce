// Tells an MQTT broker how each camera stands, and takes back what is no longer so. What happens couriers bring it (mqtt-target.ts).
import { CameraStatus, validator, type CoreEvent, type KernelEvent, type MqttConfig } from '@ruth/protocol';
import type { Logger, ReadSecret } from '@ruth/transport';
import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import type { Standing } from '../../events/standing-state.ts';
import type { Upstream } from '../../upstream.ts';
import type { Target } from '../notify/targets.ts';
import { BrokerCamera } from './broker-camera.ts';
import { BrokerLink } from './broker-link.ts';
import { withdrawalOf, type DiscoveryContext } from './home-assistant.ts';
import { OnvifEvents } from './onvif-events.ts';
import { mqttTarget } from './mqtt-target.ts';
import { frameOf, onvifPart } from './onvif-metadata.ts';

const ROUND_MS = 10_000;
/** So much sooner it looks again while something is about to change. */
const SOON = 5;
/** So long a camera that came to this node may take to send; another one may still have it. */
const ARRIVAL_MS = 60_000;
const FOUND_WITHIN_MS = 5000;
/** Clocks and answers waver; no core begins anew and is asked again within this. */
const BEGAN_WITHIN_S = 1;
const STATES = ['status', 'motion', 'objects/+', 'zones/+', 'rules/+'];
const cameraStatuses = validator(Type.Array(CameraStatus));

/** Other servers speak under the same prefix, each of the cameras that its node has. */
export interface MqttSite {
  readonly node: string;
  /** Of a camera that this node does not have (any more); null where that is not known. */
  readonly placeOf: (cameraId: string) => Promise<'elsewhere' | 'unplaced' | 'gone' | null>;
}

export interface MqttBridgeOptions {
  readonly config: MqttConfig;
  readonly kernel: Upstream;
  /** When the core that runs began, UTC seconds. Throws `unreachable`. */
  readonly coreBegan?: () => Promise<number>;
  /** Cameras that somebody looks at now. Throws `unreachable`. */
  readonly lookedAt?: () => Promise<ReadonlySet<string>>;
  /** Null where nobody else says anything under this prefix: then what it does not know is taken back. */
  readonly site?: MqttSite | null;
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

export class MqttBridge {
  readonly #options: MqttBridgeOptions;
  readonly #prefix: string;
  readonly #discovery: DiscoveryContext | null;
  readonly #onvif: OnvifEvents | null;
  readonly #broker: BrokerLink;
  /** For events. */
  readonly target: Target;
  #wake = new AbortController();
  readonly #cameras = new Map<string, BrokerCamera>();
  #lookedAt: ReadonlySet<string> = new Set<string>();
  /** Cameras that are not known yet have come since then. */
  #hasLooked = false;
  #coreBeganS: number | null = null;
  /** The connection on which the broker was asked for all that it holds. */
  #lookedInto = 0;

  constructor(options: MqttBridgeOptions) {
    this.#options = options;
    const { topic_prefix: prefix = 'ruth', home_assistant: home = true, snapshots = true } = options.config;
    this.#prefix = prefix;
    this.#onvif = options.config.onvif_metadata ? new OnvifEvents(prefix) : null;
    const { site = null } = options;
    const statusTopic = site === null ? `${prefix}/status` : `${prefix}/nodes/${site.node}/status`;
    this.#discovery = home === false ? null : { discoveryPrefix: home === true ? 'homeassistant' : home, prefix, statusTopic, version: options.version, snapshots };
    this.#broker = new BrokerLink({
      ...options, statusTopic, onConnected: () => this.#connected(), onHeard: (topic, payload) => this.#heard(topic, payload),
      listenTo: [...(this.#discovery ? [`${this.#discovery.discoveryPrefix}/status`] : []), ...(site ? [`${prefix}/cameras/+/status`] : [])],
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
    this.#lookedAt = lookedAt;
    for (const id of lookedAt) this.#camera(id).topics.lookedAt();
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
    camera.discover();
    if (event.type === 'alert.raised' || (event.type === 'track.started' && event.track.class_name === 'person')) void this.#snapshot(camera);
  }

  async #runRounds(signal: AbortSignal): Promise<void> {
    const { roundMs = ROUND_MS } = this.#options;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const isSettled = !this.connected || await this.#round(signal).catch(() => true);
      await sleep(isSettled ? roundMs : roundMs / SOON, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => undefined);
    }
  }

  /** Looks at which cameras there are: what comes is made known, what is gone taken back; and whether core began anew. False where that is to be seen again soon. */
  async #round(signal: AbortSignal): Promise<boolean> {
    await this.#lookAtCore();
    const cameras = await this.#options.kernel.get('/v1/cameras', cameraStatuses);
    let isSettled = true;
    for (const { camera_id: id, name, state } of cameras) {
      const camera = this.#camera(id);
      camera.name = name;
      const isArriving = state !== 'streaming' && performance.now() - camera.sinceMs < ARRIVAL_MS;
      if (isArriving) isSettled = false;
      // Until it sends here, or does not in time, who has it says how it stands.
      if (isArriving && this.#options.site && !camera.topics.isSaid) continue;
      this.#broker.sendAll([...camera.topics.status(state === 'streaming'), ...(this.#onvif?.signal(id, state !== 'streaming', Date.now() / 1000) ?? [])]);
      camera.discover();
      if (camera.isContested) camera.sayAll();
    }
    this.#hasLooked = true;
    for (const id of [...this.#cameras.keys()]) if (!cameras.some((camera) => camera.camera_id === id)) await this.#left(id);
    if (this.connected) await this.#lookIntoBroker(signal);
    return isSettled;
  }

  /** This node does not have the camera any more. In a site another one may, and says how it stands. */
  async #left(id: string): Promise<void> {
    const { topics } = this.#cameras.get(id)!;
    const place = this.#options.site ? await this.#options.site.placeOf(id).catch(() => null) : 'gone';
    if (place === null) return;
    const onvif = this.#onvif?.cleared(id) ?? [];
    if (place === 'unplaced') return this.#broker.sendAll([...topics.away(), ...onvif]);
    this.#cameras.delete(id);
    if (place === 'gone') this.#broker.sendAll([...topics.cleared(), ...onvif, ...(this.#discovery ? [withdrawalOf(id, this.#discovery)] : [])]);
  }

  async #lookAtCore(): Promise<void> {
    const { coreBegan, lookedAt } = this.#options;
    const [beganS, lookedAtNow] = await Promise.all([coreBegan?.().catch(() => null), lookedAt?.().catch(() => null)]);
    if (beganS && this.#coreBeganS !== null && beganS > this.#coreBeganS + BEGAN_WITHIN_S) {
      for (const { topics } of this.#cameras.values()) this.#broker.sendAll(topics.beganAnew(beganS));
      this.#broker.sendAll(this.#onvif?.beganAnew(beganS) ?? []);
    }
    this.#coreBeganS = beganS ?? this.#coreBeganS;
    if (!lookedAtNow) return;
    for (const id of lookedAtNow) if (!this.#lookedAt.has(id)) this.#broker.sendAll(this.#cameras.get(id)?.topics.lookedAt() ?? []);
    this.#lookedAt = lookedAtNow;
  }

  /** A broker keeps what is retained for years. What it holds of a camera and this server did not say was so when another one ran, or had the camera: it is put right, or taken back. */
  async #lookIntoBroker(signal: AbortSignal): Promise<void> {
    const { foundWithinMs = FOUND_WITHIN_MS, site = null } = this.#options;
    const { connections } = this.counters;
    const unknown = [...this.#cameras.values()].filter(({ lookedInto, topics }) => lookedInto !== connections && (site === null || topics.isSaid));
    const isAll = site === null && this.#lookedInto !== connections;
    if (unknown.length === 0 && !isAll) return;
    this.#lookedInto = connections;
    for (const camera of unknown) camera.lookedInto = connections;
    const of = (id: string, onvif: readonly string[]): string[] => [...STATES.map((state) => `${this.#prefix}/cameras/${id}/${state}`), ...(this.#onvif ? onvif : []).map((topic) => `${this.#prefix}/onvif-ej/${topic}`)];
    const filters = isAll ? of('+', ['#']) : unknown.flatMap(({ topics: { cameraId: id } }) => of(id, [`+/+/&${onvifPart(id)}/#`, `+/+/+/&${onvifPart(id)}/#`]));
    await this.#broker.lookInto(filters, foundWithinMs, signal, (topic) => this.#found(topic));
  }

  #found(topic: string): void {
    if (topic.startsWith(`${this.#prefix}/onvif-ej/`)) {
      if (this.#onvif?.stands(topic) === false) this.#broker.send({ topic, payload: '', retain: true });
      return;
    }
    const [id = '', ...rest] = topic.slice(`${this.#prefix}/cameras/`.length).split('/');
    const camera = this.#cameras.get(id);
    if (camera) return this.#broker.sendAll(camera.topics.found(rest.join('/'), this.#lookedAt.has(id)));
    if (this.#options.site) return;
    this.#broker.send({ topic, payload: '', retain: true });
    if (rest[0] === 'status') this.#broker.sendAll([{ topic: `${this.#prefix}/cameras/${id}/snapshot`, payload: '', retain: true }, ...(this.#discovery ? [withdrawalOf(id, this.#discovery)] : [])]);
  }

  #heard(topic: string, payload: string): void {
    // Home Assistant that starts anew asks for what it forgot.
    if (topic === `${this.#discovery?.discoveryPrefix}/status`) {
      if (payload === 'online') for (const camera of this.#cameras.values()) camera.discover(true);
      return;
    }
    // What a node says that had the camera before may come late. It is put right with the next round: two that both take it for theirs do not contend.
    const camera = topic.endsWith('/status') ? this.#cameras.get(topic.slice(`${this.#prefix}/cameras/`.length, -'/status'.length)) : undefined;
    if (camera && payload !== '' && !camera.topics.saidStatus(payload)) camera.isContested = true;
  }

  /** A broker may have forgotten everything. */
  #connected(): void {
    // What it said while it was by itself, or another version, is said of no server of a site.
    if (this.#options.site) this.#broker.send({ topic: `${this.#prefix}/status`, payload: '', retain: true });
    for (const camera of this.#cameras.values()) camera.sayAll();
    this.#broker.sendAll(this.#onvif?.standing() ?? []);
    this.#wake.abort();
    this.#options.onConnected?.();
  }

  #camera(id: string): BrokerCamera {
    const known = this.#cameras.get(id) ?? new BrokerCamera(id, this.#broker, this.#discovery, { prefix: this.#prefix, hasCome: this.#hasLooked });
    this.#cameras.set(id, known);
    return known;
  }

  async #snapshot(camera: BrokerCamera): Promise<void> {
    if (this.#options.config.snapshots === false || !this.connected) return;
    await camera.snapshot((id) => this.#options.kernel.bytes(`/v1/cameras/${id}/snapshot.jpg`));
  }
}
