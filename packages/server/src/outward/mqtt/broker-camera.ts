// One camera as a broker is told of it: its topics, its device of Home Assistant, its picture.
import type { BrokerLink } from './broker-link.ts';
import { discoveryOf, type DiscoveryContext } from './home-assistant.ts';
import { CameraTopics } from './topics.ts';

const SNAPSHOT_EVERY_MS = 5000;

export class BrokerCamera {
  readonly topics: CameraTopics;
  name: string;
  /** When it came to this node; those that were here before have always been. */
  readonly sinceMs: number;
  /** The connection on which the broker was asked for what it holds of it. */
  lookedInto = 0;
  /** Another server said of it what is not so. */
  isContested = false;
  readonly #broker: BrokerLink;
  readonly #discovery: DiscoveryContext | null;
  #described = '';
  #snapshotMs = -Infinity;

  /** `discovery`: null where Home Assistant is told nothing. */
  constructor(cameraId: string, broker: BrokerLink, discovery: DiscoveryContext | null, { prefix, hasCome }: { readonly prefix: string; readonly hasCome: boolean }) {
    this.topics = new CameraTopics(prefix, cameraId);
    this.name = cameraId;
    this.#broker = broker;
    this.#discovery = discovery;
    this.sinceMs = hasCome ? performance.now() : -Infinity;
  }

  /** Describes the device where that has changed, or `again`. */
  discover(again = false): void {
    if (!this.#discovery) return;
    const message = discoveryOf(this.topics, this.name, this.#discovery);
    if (!again && this.#described === message.payload) return;
    this.#described = String(message.payload);
    this.#broker.send(message);
  }

  /** To a broker that may have forgotten everything. */
  sayAll(): void {
    this.isContested = false;
    this.discover(true);
    this.#broker.sendAll(this.topics.standing());
  }

  /** One in five seconds at most, whatever happens. */
  async snapshot(take: (cameraId: string) => Promise<Buffer>): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#snapshotMs < SNAPSHOT_EVERY_MS) return;
    this.#snapshotMs = nowMs;
    const payload = await take(this.topics.cameraId).catch(() => null);
    if (payload) this.#broker.send({ topic: this.topics.topic('snapshot'), payload, retain: true });
  }
}
