// The process that brings the events of this node to its site, and what the site has to the server beside it: `node packages/fleet/src/outbox-main.ts -c ruth.yaml`. A process of its own, for the disk may
// take seconds for an fsync, in which the agent (main.ts) must renew the lease of this node.
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { outboxSocketPath, RuthError, type SiteConfig, type SiteOutbox } from '@ruth/protocol';
import { listenOnSocket, nodeOfSite, runProcess, type Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { EventPublisher } from './events/event-publisher.ts';
import { ensureEventStream, streamLimitsOf } from './events/event-stream.ts';
import { followNode } from './events/node-events.ts';
import { outboxServer } from './events/outbox-http.ts';
import { Outbox } from './events/outbox.ts';
import { SiteReader } from './events/site-reader.ts';
import { siteOptionsOf, SiteStore } from './site-store.ts';

const TELL_EVERY_MS = 10_000;
/** What waits for less is on its way. */
const SOON_S = 10;
const TIDY_EVERY_MS = 1000;
const backOff = new ExponentialBackoff({ initialDelay: 500, maxDelay: 10_000 });

await runProcess('outbox', async (context) => {
  const { settings: { site, socketDirectory, dataDirectory }, logger, signal } = context;
  if (site === null) throw new RuthError('invalid_config', 'ruth.yaml has no site: this node is by itself');
  const node = nodeOfSite(site);
  const { outbox_max_mb: maxMb = 256, outbox_max_age_days: maxAgeDays = 7 } = site.events ?? {};
  using outbox = Outbox.open(join(dataDirectory, 'outbox.sqlite'), { maxBytes: maxMb * 1e6, maxAgeS: maxAgeDays * 86_400 }, logger, { utcMs: Date.now, monotonicS: uptime });
  let publisher: EventPublisher | null = null;
  let reader: SiteReader | null = null;
  const server = outboxServer(() => ({ state: outbox.state, connected: publisher?.connected ?? false, counters: publisher?.counters ?? { published: 0, duplicates: 0, failures: 0, tooLarge: 0 } }), () => reader);
  await listenOnSocket(server, outboxSocketPath(socketDirectory));
  const tidying = setInterval(() => {
    try {
      outbox.tidy();
    } catch (cause) {
      logger.warn(`the outbox could not be tidied: ${(cause as Error).message}`);
    }
  }, TIDY_EVERY_MS);
  context.ready({ node, waiting: outbox.state.waiting });
  const publishing = bringToSite(site, node, outbox, logger, signal, (...begun) => { [publisher, reader] = begun; });
  await followNode(socketDirectory, outbox, logger, signal);
  await publishing;
  clearInterval(tidying);
  server.close();
  server.closeAllConnections();
});

/** For as long as it takes until a server of the site is there, and again where the connection was closed for good. */
async function bringToSite(site: SiteConfig, node: string, outbox: Outbox, logger: Logger, signal: AbortSignal, onConnected: (publisher: EventPublisher, reader: SiteReader) => void): Promise<void> {
  let wait: IBackoff<unknown> | null = null;
  while (!signal.aborted) {
    try {
      await using store = await SiteStore.open(siteOptionsOf(site, `${node} outbox`), logger);
      const ensureStream = (): Promise<unknown> => ensureEventStream(store.connection, streamLimitsOf(site), logger);
      await ensureStream();
      wait = null;
      const publisher = new EventPublisher({ node, outbox, connection: store.connection, ensureStream, logger });
      onConnected(publisher, new SiteReader(store.connection, logger));
      const ended = new AbortController();
      const telling = tell(store, node, outbox, AbortSignal.any([signal, ended.signal]));
      await publisher.run(signal);
      ended.abort();
      await telling;
    } catch (cause) {
      if (wait === null) logger.warn({ code: RuthError.from(cause).code }, `events wait in the outbox: ${(cause as Error).message}`);
    }
    wait = wait ? wait.next(undefined) : backOff.next();
    await delay(wait.duration, undefined, { signal }).catch(() => undefined);
  }
}

/** So that any node of the site can say how this one is doing. Where all is well nothing is written. */
async function tell(store: SiteStore, node: string, outbox: Outbox, signal: AbortSignal): Promise<void> {
  let told: SiteOutbox | null = null;
  while (!signal.aborted) {
    const { waiting, oldestAgeS, dropped } = outbox.state;
    const isBehind = oldestAgeS > SOON_S;
    const now: SiteOutbox = { waiting: isBehind ? waiting : 0, oldest_age_s: isBehind ? Math.round(oldestAgeS) : 0, dropped };
    if (!isDeepStrictEqual(now, told)) await store.outboxes.put(node, now, null).then(() => { told = now; }, () => undefined);
    await delay(TELL_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}
