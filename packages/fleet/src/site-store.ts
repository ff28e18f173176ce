// What a site keeps in JetStream: its buckets, and the connection to them.
import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import { Kvm, type KV, type KvOptions } from '@nats-io/kv';
import { connect, credsAuthenticator, headers, type NatsConnection } from '@nats-io/transport-node';
import { readFileSync } from 'node:fs';
import { CameraPlacement, NodePlacement, RuthError, SiteCamera, SiteDrain, SiteLeader, SiteNode, SiteOutbox, validator, type SiteConfig } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { ANSWER_LIMIT_MS, encodeToken, Reconnects, RECONNECT_MS, Records, SEQUENCE } from './records.ts';

/** What is told to a node is said again here by the servers, once it is stored. */
const TOLD = 'ruth.told.';
/** Who had a camera before: a node that was cut off learns by them what of its recordings nobody else has. */
export const KEPT_TERMS = 16;

/** Where a node hears what it is told. */
export const toldSubject = (node: string): string => TOLD + encodeToken(node);

export interface SiteOptions {
  /** `nats://host:4222` or `tls://host:4222`, of one cluster. */
  readonly servers: readonly string[];
  /** A `.creds` file; null where the server asks for none. */
  readonly credentialsFile: string | null;
  /** PEM; null for the machine's own. */
  readonly caFile: string | null;
  readonly name: string;
  /** Of what JetStream keeps: 3 in a cluster, 1 where there is one server. */
  readonly replicas: number;
}

/** Comes back by itself after it lost its server. Throws `unreachable` where none answers. */
export async function connectSite({ servers, credentialsFile, caFile, name }: Omit<SiteOptions, 'replicas'>): Promise<NatsConnection> {
  try {
    return await connect({
      servers: [...servers], name, maxReconnectAttempts: -1, reconnectTimeWait: RECONNECT_MS, pingInterval: 2000, maxPingOut: 2, timeout: ANSWER_LIMIT_MS,
      // Else an error with its stack is made for each request, in case it fails.
      noAsyncTraces: true,
      ...(credentialsFile === null ? {} : { authenticator: credsAuthenticator(readFileSync(credentialsFile)) }), ...(caFile === null ? {} : { tls: { caFile } }),
    });
  } catch (cause) {
    throw new RuthError('unreachable', `no NATS server of the site answers (${servers.join(', ')}): ${(cause as Error).message}`, { cause });
  }
}

/** `name`: of who connects, for whoever looks at the servers. */
export const siteOptionsOf = (site: SiteConfig, name: string): SiteOptions => ({ servers: site.nats, credentialsFile: site.credentials_file ?? null, caFile: site.ca_file ?? null, name, replicas: site.replicas ?? 1 });

export class SiteStore implements AsyncDisposable {
  readonly connection: NatsConnection;
  readonly nodes: Records<SiteNode>;
  readonly drains: Records<SiteDrain>;
  readonly leader: Records<SiteLeader>;
  readonly outboxes: Records<SiteOutbox>;
  readonly cameras: Records<SiteCamera>;
  readonly placements: Records<CameraPlacement>;
  readonly ofNodes: Records<NodePlacement>;
  /** The servers say again what is stored of these. */
  readonly #isSaidAgain: boolean;

  private constructor(connection: NatsConnection, [site, leader, drains, cameras, placement]: readonly KV[], isSaidAgain: boolean, logger: Logger) {
    this.connection = connection;
    this.#isSaidAgain = isSaidAgain;
    const reconnects = new Reconnects(connection);
    this.nodes = new Records(site!, reconnects, 'node.', validator(SiteNode), logger);
    this.outboxes = new Records(site!, reconnects, 'outbox.', validator(SiteOutbox), logger);
    this.leader = new Records(leader!, reconnects, '', validator(SiteLeader), logger);
    this.drains = new Records(drains!, reconnects, '', validator(SiteDrain), logger);
    this.cameras = new Records(cameras!, reconnects, '', validator(SiteCamera), logger);
    this.placements = new Records(placement!, reconnects, 'camera.', validator(CameraPlacement), logger);
    this.ofNodes = new Records(placement!, reconnects, 'of.', validator(NodePlacement), logger);
  }

  /** Throws `unreachable` where no server answers. */
  static async open(options: SiteOptions, logger: Logger): Promise<SiteStore> {
    const connection = await connectSite(options);
    const { replicas } = options;
    try {
      const manager = await jetstreamManager(connection, { timeout: ANSWER_LIMIT_MS });
      const js = jetstream(connection, { timeout: ANSWER_LIMIT_MS });
      const kvm = new Kvm(replicas === 1 ? watchingInMemory(js) : js);
      // What is read decides who records: it is asked of the server that leads, never of one that may be behind.
      const bucket = (bucketName: string, more: Partial<KvOptions> = {}): Promise<KV> => kvm.create(bucketName, { replicas, allow_direct: false, timeout: ANSWER_LIMIT_MS, ...more });
      // What every node watches is apart from what every node writes: for each record that is replaced, a server looks at each watch of its bucket.
      const buckets = [
        await bucket('ruth_site'), await bucket('ruth_leader'), await bucket('ruth_drains'), await bucket('ruth_cameras'),
        await bucket('ruth_placement', { history: KEPT_TERMS, republish: { src: '$KV.ruth_placement.of.>', dest: `${TOLD}>` } }),
      ];
      // A bucket that was made before Ruth asked for that stays without: servers before NATS 2.10 change nothing of it.
      const { config: { republish } } = await manager.streams.info('KV_ruth_placement');
      return new SiteStore(connection, buckets, republish !== undefined, logger);
    } catch (cause) {
      await connection.close();
      throw new RuthError('unreachable', `JetStream does not serve: ${(cause as Error).message}; is it switched on, and are there ${replicas} servers?`, { cause });
    }
  }

  /** What a node is told, in the place of `revision`; returns its own. Throws as `put` does. Where no server says it again, whoever stored it does. */
  async tell(node: string, placement: NodePlacement, revision: number): Promise<number> {
    const stored = await this.ofNodes.put(node, placement, revision);
    if (this.#isSaidAgain) return stored;
    const said = headers();
    said.set(SEQUENCE, String(stored));
    this.connection.publish(toldSubject(node), JSON.stringify(placement), { headers: said });
    return stored;
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.connection.close(); }
}

/**
 * Where there is one server alone. It writes several files for each consumer of a bucket that lies on its disk, unless told otherwise, and keeps those of watches that ended for five minutes more. A thousand
 * nodes that watch anew after it was away had it do that for half a minute, and renewals waited. It ends with all connections, so that everybody watches anew. In a cluster who is connected to another server
 * than the one that has its consumer would notice only by silence, ten seconds and more, that memory is gone; there it is read from the disk again.
 */
function watchingInMemory(js: JetStreamClient): JetStreamClient {
  const { consumers } = js;
  const make = consumers.getPushConsumer.bind(consumers);
  consumers.getPushConsumer = (stream, name) => make(stream, typeof name === 'object' ? { ...name, mem_storage: true } as typeof name : name);
  return js;
}
