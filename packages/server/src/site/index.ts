// The rest of the site, where this node is one of several: lists join what all nodes have, and requests go to the node that has what they are about.
import { fleetSocketPath, outboxSocketPath } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { Upstream } from '../upstream.ts';
import { CamerasOfSite } from './cameras-of-site.ts';
import { ListsOfSite } from './lists-of-site.ts';
import { LiveOfSite } from './live-of-site.ts';
import { MseRelays } from './mse-relays.ts';
import type { LivePipes } from './live-pipes.ts';
import { NodesOfSite } from './nodes-of-site.ts';
import { OtherNodes } from './other-nodes.ts';
import { PassingOn } from './passing-on.ts';
import { ProbesOfSite } from './probes-of-site.ts';
import { RecordingsOfSite } from './recordings-of-site.ts';
import { Site } from './site.ts';

export type { CamerasOfSite } from './cameras-of-site.ts';
export type { ListsOfSite } from './lists-of-site.ts';
export type { ProbesOfSite } from './probes-of-site.ts';
export type { NodesOfSite } from './nodes-of-site.ts';
export type { LiveOfSite } from './live-of-site.ts';
export type { LivePipes } from './live-pipes.ts';
export type { MseRelays } from './mse-relays.ts';
export { PASSED_ON_BY, type SiteMap, type SiteNodeInfo } from './site.ts';

export interface SiteParts extends AsyncDisposable {
  readonly site: Site;
  readonly others: OtherNodes;
  readonly lists: ListsOfSite;
  readonly cameras: CamerasOfSite;
  readonly nodes: NodesOfSite;
  readonly probes: ProbesOfSite;
  readonly passing: PassingOn;
  readonly live: LiveOfSite;
  readonly pipes: LivePipes;
  readonly mse: MseRelays;
  /** The process that reads the site's stream of events. */
  readonly outbox: Upstream;
}

export interface SiteOptions {
  readonly socketDirectory: string;
  /** PEM of who vouches for the servers of other nodes; null for whom this machine trusts. */
  readonly caFile: string | null;
  /** Of one camera of another node; 0, no pipes, unless told. */
  readonly pipesFromViewers?: number;
  readonly kernel: Upstream;
  readonly logger: Logger;
}

/** Throws `invalid_config`. */
export async function openSite({ socketDirectory, caFile, pipesFromViewers: fromViewers = 0, kernel, logger }: SiteOptions): Promise<SiteParts> {
  const fleet = new Upstream('fleet', fleetSocketPath(socketDirectory));
  const outbox = new Upstream('outbox', outboxSocketPath(socketDirectory));
  const site = new Site(fleet, logger);
  const others = new OtherNodes(caFile);
  const cameras = new CamerasOfSite(site, fleet);
  const nodes = new NodesOfSite(site, others, fleet);
  const recordings = new RecordingsOfSite(kernel, others);
  const { LivePipes } = await import('./live-pipes.ts');
  const mse = new MseRelays(others);
  const pipes = new LivePipes({ kernel, site, others, fromViewers, logger });
  return {
    site, others, outbox, pipes, mse, live: new LiveOfSite(site, others), lists: new ListsOfSite(site, others, cameras), cameras, nodes, probes: new ProbesOfSite({ site, others, nodes, cameras, fleet }), passing: new PassingOn({ site, others, recordings, kernel, pipes }),
    async [Symbol.asyncDispose]() {
      pipes[Symbol.dispose]();
      mse[Symbol.dispose]();
      await Promise.all([fleet[Symbol.asyncDispose](), outbox[Symbol.asyncDispose](), others[Symbol.asyncDispose]()]);
    },
  };
}
