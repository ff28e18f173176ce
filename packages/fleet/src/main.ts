// The process that makes a node one of a site: `node packages/fleet/src/main.ts -c ruth.yaml`. Where it dies, its kernel records what it was
// given until the lease ends.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism, hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ClaimResult, coreSocketPath, isLoopback, kernelSocketPath, KeyframesFound, PlacementStatus, ProbeReport, ProcessHealth, Holdings, RuthError, ServerUrl, supervisorSocketPath, validator } from '@ruth/protocol';
import { ask, nodeOfSite, runProcess, type Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import type { CoreOfNode } from './camera-intents.ts';
import { ClockFile } from './clock-file.ts';
import { NodeAgent } from './node-agent.ts';
import { SiteCameras } from './site-cameras.ts';
import { SiteDrains } from './site-drains.ts';
import { SiteKeyFile, siteKeyFileOf } from './site-keys.ts';
import { serveSite } from './site-socket.ts';
import { SiteStore, siteOptionsOf, type SiteOptions } from './site-store.ts';
import { SiteWatch } from './site-watch.ts';

/** Shorter than a lease: a kernel that hangs must not keep others from what this node cannot do. */
const KERNEL_ANSWER_MS = 5000;
const LEFT_FOR_MODELS_CORES = 0.5;
const CORE_ANSWER_MS = 5000;
/** It reads what it claims. */
const CLAIM_ANSWER_MS = 120_000;
const backOff = new ExponentialBackoff({ initialDelay: 500, maxDelay: 5000 });
/** A stream whose keyframes are rare is watched for long. */
const PROBE_ANSWER_MS = 150_000;
const claimResult = validator(ClaimResult);
const holdingsAnswer = validator(Holdings);
const keyframesFound = validator(KeyframesFound);
const probeReport = validator(ProbeReport);
const placementStatus = validator(PlacementStatus);
const processHealth = validator(ProcessHealth);

await runProcess('fleet', async (context) => {
  const { settings, logger, signal } = context;
  const { site, socketDirectory } = settings;
  if (site === null) throw new RuthError('invalid_config', 'ruth.yaml has no site: this node is by itself');
  const unencrypted = site.nats.filter((url) => url.startsWith('nats:') && !isLoopback(new URL(url).hostname));
  if (unencrypted.length > 0) logger.warn({ nats: unencrypted }, 'what the site knows travels without TLS, and whoever is on the way can change it: use tls:// for servers on other machines');
  const serverUrl = serverUrlOf(process.env.RUTH_SERVER_URL, site.server_url);
  if (serverUrl?.startsWith('http:') && !isLoopback(new URL(serverUrl).hostname)) logger.warn({ server_url: serverUrl }, 'the servers of other nodes send what signs people in, and get video, without TLS: set http.tls, and site.server_url to https://');
  const id = nodeOfSite(site);
  const kernel = kernelSocketPath(socketDirectory);
  const call = async (method: string, body?: unknown): Promise<PlacementStatus> => placementStatus.parse(await ask(kernel, method, '/v1/placement', body, { timeoutMs: KERNEL_ANSWER_MS }), 'internal');
  await using store = await answering(siteOptionsOf(site, id), logger, signal);
  if (store === null) return;
  const drains = new SiteDrains(store);
  await drains.started(id);
  const keys = new SiteKeyFile(siteKeyFileOf(settings), logger);
  const agent = new NodeAgent({
    id, machine: machineId(socketDirectory), labels: site.labels ?? {}, capacityCores: site.capacity_cores ?? Math.max(0, availableParallelism() - LEFT_FOR_MODELS_CORES), serverUrl, store, keys, logger, nowS: uptime, clockKept: new ClockFile(join(settings.dataDirectory, 'site-clock.json'), bootId(), logger),
    core: coreOf(socketDirectory),
    kernel: {
      look: async () => call('GET'), place: async (lease) => call('PUT', lease), claim: async (request) => claimResult.parse(await ask(kernel, 'POST', '/v1/placement/claim', request, { timeoutMs: CLAIM_ANSWER_MS }), 'internal'),
      keyframes: async (request) => keyframesFound.parse(await ask(kernel, 'POST', '/v1/placement/keyframes', request, { timeoutMs: CLAIM_ANSWER_MS }), 'internal'),
      holdings: async (request) => holdingsAnswer.parse(await ask(kernel, 'POST', '/v1/placement/holdings', request, { timeoutMs: KERNEL_ANSWER_MS }), 'internal'),
    },
  });
  using watch = new SiteWatch({ node: id, store, logger, nowS: uptime });
  await using _socket = await serveSite(socketDirectory, {
    watch, cameras: new SiteCameras(store, () => keys.keys), drains, addresses: settings.cameraAddresses,
    probe: async (probe) => probeReport.parse(await ask(supervisorSocketPath(socketDirectory), 'POST', '/v1/probe', probe, { timeoutMs: PROBE_ANSWER_MS }), 'internal'),
  });
  context.ready({ node: id, nats: store.connection.getServer() });
  await agent.run(signal);
});

/**
 * For as long as it takes until a server of the site is there; null where this node ends before. Who ended instead would be started anew ever later by an orchestrator, and come back to the site
 * minutes after NATS did.
 */
async function answering(options: SiteOptions, logger: Logger, signal: AbortSignal): Promise<SiteStore | null> {
  for (let wait: IBackoff<unknown> | null = null; !signal.aborted;) {
    try {
      return await SiteStore.open(options, logger);
    } catch (cause) {
      const { code, message } = RuthError.from(cause);
      if (wait === null) logger.warn({ code }, `this node has no cameras of the site until that is there: ${message}`);
      wait = wait ? wait.next(undefined) : backOff.next();
      await delay(wait.duration, undefined, { signal }).catch(() => undefined);
    }
  }
  return null;
}

function coreOf(socketDirectory: string): CoreOfNode {
  const path = coreSocketPath(socketDirectory);
  return {
    incarnation: async () => String(processHealth.parse(await ask(path, 'GET', '/v1/health', undefined, { timeoutMs: CORE_ANSWER_MS }), 'internal').pid),
    put: async (camera, subscriptions) => void await ask(path, 'PUT', `/v1/cameras/${camera}`, subscriptions, { timeoutMs: CORE_ANSWER_MS }),
    remove: async (camera) => void await ask(path, 'DELETE', `/v1/cameras/${camera}`, undefined, { timeoutMs: CORE_ANSWER_MS }).catch((cause: unknown) => { if (RuthError.from(cause).code !== 'camera_not_found') throw cause; }),
  };
}

/** An address that is known only where the process runs, e.g. that of a pod, comes by the environment. */
function serverUrlOf(told: string | undefined, configured: string | undefined): string | null {
  if (told === undefined) return configured ?? null;
  return validator(ServerUrl).parse(told);
}

/** The same for each start of this node, another one for each other node. */
function machineId(socketDirectory: string): string {
  let machine: string;
  try {
    machine = readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    machine = hostname();
  }
  return createHash('sha256').update(`${machine}\0${hostname()}\0${socketDirectory}`).digest('hex').slice(0, 32);
}

/** Another one with each start of the machine; where the system tells none, with each process. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return randomUUID();
  }
}
