// GET /metrics: one scrape for the whole node. The server's own values, what kernel, core and other parts of this node say of themselves, and the health of
// every model container. A part that is away is `ruth_up` 0 and lacks its values; the scrape itself does not fail for it.
import { HealthResponse, isId, modelSocketPath, ModelStatus, validator } from '@ruth/protocol';
import { IpcClient, Metrics, METRICS_CONTENT_TYPE, processMetrics, telemetryMetrics, type Metric, type Telemetry } from '@ruth/transport';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { EventKeeper } from './events/event-keeper.ts';
import type { SiteIntake } from './events/site-intake.ts';
import type { StoreRecorder } from './events/store-sink.ts';
import type { LiveHub } from './events/live-hub.ts';
import type { MqttBridge } from './outward/mqtt/mqtt-bridge.ts';
import type { CourierTurns } from './outward/notify/courier-turns.ts';
import type { Courier } from './outward/notify/courier.ts';
import type { LiveOfSite, LivePipes, MseRelays } from './site/index.ts';
import type { Upstream } from './upstream.ts';

export interface MetricsOptions {
  readonly core: Upstream;
  /** What tells metrics of its own: kernel, core, and what else runs on this node. */
  readonly parts: readonly Upstream[];
  readonly counters: ServerCounters;
  readonly socketDirectory: string;
  /** Ids of the models that shall run, until core has said which there are. */
  readonly models: readonly string[];
  readonly telemetry?: Telemetry | null;
}

interface NodeSnapshot {
  readonly up: readonly { readonly part: string; readonly model?: string; readonly up: boolean }[];
  readonly containers: readonly HealthResponse[];
}

/** Prometheus gives up after ten seconds. */
const HEALTH_TIMEOUT_MS = 2000;
const MAX_MODELS = 256;
const text = validator(Type.String());
const healthResponse = validator(HealthResponse);
const modelStatuses = validator(Type.Array(ModelStatus));

const container = (type: 'gauge' | 'counter', name: string, help: string, of: (health: HealthResponse) => number | null): Metric<NodeSnapshot> => ({
  name: `container_${name}`, type, help, labels: ['model'], values: ({ containers }) => containers.map((health) => [{ model: health.model_id }, of(health)]),
});
const counter = (key: string, scale = 1) => ({ counters }: HealthResponse): number | null => (counters[key] === undefined ? null : counters[key] * scale);
const FAILED = /^failed_(.+)$/;

export const NODE_METRICS: readonly Metric<NodeSnapshot>[] = [
  { name: 'up', type: 'gauge', help: '1 where the part answered this scrape', labels: ['part', 'model'], values: ({ up }) => up.map(({ part, model, up: isUp }) => [{ part, ...(model === undefined ? {} : { model }) }, isUp ? 1 : 0]) },
  container('gauge', 'ready', '1 where a canary gave the expected answer lately', ({ status }) => (status === 'ready' ? 1 : 0)),
  container('gauge', 'last_success_age_seconds', 'Since a canary last gave the expected answer', ({ last_canary_age_ms: ms }) => (ms === null ? null : ms / 1000)),
  container('gauge', 'uptime_seconds', 'Since the container started', ({ uptime_ms }) => uptime_ms / 1000),
  container('counter', 'requests_total', 'Requests for an inference', counter('requests')),
  container('counter', 'answered_total', 'Requests that were answered with what the model saw', counter('answered')),
  {
    name: 'container_failed_total', type: 'counter', help: 'Requests that were answered with an error, by its code', labels: ['model', 'code'],
    values: ({ containers }) => containers.flatMap(({ model_id, counters }) => Object.entries(counters).flatMap(([key, value]) => {
      const code = FAILED.exec(key)?.[1];
      return code === undefined ? [] : [[{ model: model_id, code }, value] as const];
    })),
  },
  container('counter', 'canaries_total', 'Inferences made to see whether the model works', counter('canaries')),
  container('counter', 'canary_failures_total', 'Those of them that failed', counter('canary_failures')),
  container('gauge', 'running', 'Inferences at work', counter('running')),
  container('gauge', 'queued', 'Requests that wait for a session', counter('queued')),
  container('counter', 'sessions_replaced_total', 'Sessions that hung or died and were replaced', counter('sessions_replaced')),
  container('gauge', 'connections', 'Open connections', counter('connections')),
  container('counter', 'process_cpu_seconds_total', 'CPU time of the process, user and system', counter('process_cpu_ms', 1e-3)),
  container('gauge', 'process_resident_memory_bytes', 'Resident memory of the process', counter('process_resident_bytes')),
];

/** What the server counts of itself. */
export interface ServerCounters {
  readonly hub: LiveHub;
  readonly recorders: readonly { readonly source: string; readonly recorder: StoreRecorder }[];
  readonly keeper: EventKeeper;
  readonly mqtt: MqttBridge | null;
  readonly couriers: readonly Courier[];
  /** Null where this node is by itself. */
  readonly courierTurns: CourierTurns | null;
  /** Null where this node is by itself. */
  readonly siteIntake: SiteIntake | null;
  /** Likewise. */
  readonly siteLive: LiveOfSite | null;
  /** Likewise. */
  readonly sitePipes: LivePipes | null;
  /** Likewise. */
  readonly siteMse: MseRelays | null;
}

const ofPages = (type: 'gauge' | 'counter', name: string, help: string, of: (hub: LiveHub) => number): Metric<ServerCounters> => ({ name, type, help, values: ({ hub }) => [[{}, of(hub)]] });
const ofRecorders = (type: 'gauge' | 'counter', name: string, help: string, of: (recorder: StoreRecorder) => number): Metric<ServerCounters> => ({
  name, type, help, labels: ['source'], values: ({ recorders }) => recorders.map(({ source, recorder }) => [{ source }, of(recorder)]),
});

const ofMqtt = (type: 'gauge' | 'counter', name: string, help: string, of: (mqtt: MqttBridge) => number): Metric<ServerCounters> => ({ name, type, help, values: ({ mqtt }) => (mqtt ? [[{}, of(mqtt)]] : []) });
const ofCouriers = (name: string, help: string, of: (state: Courier['state']) => number): Metric<ServerCounters> => ({ name, type: 'counter', help, labels: ['target'], values: ({ couriers }) => couriers.map(({ name: target, state }) => [{ target }, of(state)]) });

const ofSite = (type: 'gauge' | 'counter', name: string, help: string, of: (intake: SiteIntake) => number | null): Metric<ServerCounters> => ({ name: `site_${name}`, type, help, values: ({ siteIntake }) => (siteIntake ? [[{}, of(siteIntake)]] : []) });

const ofSiteLive = (type: 'gauge' | 'counter', name: string, help: string, of: (counters: LiveOfSite['counters']) => number): Metric<ServerCounters> => ({ name: `site_live_${name}`, type, help, values: ({ siteLive }) => (siteLive ? [[{}, of(siteLive.counters)]] : []) });

const ofSitePipes = (name: string, help: string, of: (counters: LivePipes['counters']) => number): Metric<ServerCounters> => ({ name: `site_${name}`, type: 'counter', help, values: ({ sitePipes }) => (sitePipes ? [[{}, of(sitePipes.counters)]] : []) });

const ofSiteMse = (type: 'gauge' | 'counter', name: string, help: string, of: (relays: MseRelays) => number): Metric<ServerCounters> => ({ name: `site_mse_${name}`, type, help, values: ({ siteMse }) => (siteMse ? [[{}, of(siteMse)]] : []) });

export const SERVER_METRICS: readonly Metric<ServerCounters>[] = [
  ofPages('gauge', 'pages', 'Pages that follow events', (hub) => hub.clientCount),
  ofPages('counter', 'events_sent_total', 'Events sent to pages', ({ counters }) => counters.sent),
  ofPages('counter', 'events_superseded_total', 'Events that a slow page did not get because a newer one took their place', ({ counters }) => counters.superseded),
  ofPages('counter', 'pages_disconnected_total', 'Pages that were too slow and were disconnected', ({ counters }) => counters.disconnectedSlow),
  ofPages('counter', 'pages_refused_total', 'Pages that came when there were too many', ({ counters }) => counters.refused),
  ofRecorders('counter', 'events_stored_total', 'Events stored, by whose they are', ({ counters }) => counters.stored),
  ofRecorders('gauge', 'events_waiting', 'Events that wait for the store', (recorder) => recorder.waiting),
  ofRecorders('counter', 'store_failures_total', 'Batches that the store did not take; they are tried again', ({ counters }) => counters.failures),
  ofRecorders('counter', 'store_behind_total', 'Times that too many events waited, so that they were fetched again later', ({ counters }) => counters.lettingGo),
  ofMqtt('gauge', 'mqtt_connected', '1 while the MQTT broker is there', (mqtt) => Number(mqtt.connected)),
  ofMqtt('counter', 'mqtt_published_total', 'Messages that the MQTT broker took', ({ counters }) => counters.published),
  ofMqtt('gauge', 'mqtt_waiting', 'Messages that the MQTT broker has not acknowledged yet', (mqtt) => mqtt.waiting),
  ofCouriers('notifications_delivered_total', 'Events delivered to a target', ({ delivered }) => delivered),
  ofCouriers('notifications_failed_total', 'Tries to deliver that failed', ({ failed }) => failed),
  ofCouriers('notifications_dead_total', 'Events that could not be delivered', ({ deadLetters }) => deadLetters),
  { name: 'notifications_stood_in', type: 'gauge', help: 'Nodes without a server whose events are brought to a target from here', labels: ['target'], values: ({ couriers, courierTurns }) => (courierTurns ? couriers.map(({ name: target }) => [{ target }, courierTurns.nodesOf(target).length]) : []) },
  { name: 'notifications_unbrought', type: 'gauge', help: 'Targets of nodes whose server is away to which nobody brings events: no server of the site has the same target', values: ({ courierTurns }) => (courierTurns ? [[{}, courierTurns.unbrought.length]] : []) },
  ofSite('gauge', 'reads', "1 while this server reads the site's stream of events, for all", (intake) => Number(intake.isReading)),
  ofSite('gauge', 'events_behind', "Messages of the site's stream that are not in the database yet; told by the server that reads", (intake) => intake.behind),
  ofSite('counter', 'events_stored_total', "Events out of the site's stream that were not in the database", ({ counters }) => counters.stored),
  ofSite('counter', 'events_known_total', "Events out of the site's stream that their own server had stored", ({ counters }) => counters.known),
  ofSite('counter', 'events_missed_total', 'Events that the stream had let go before they were stored', ({ counters }) => counters.missed),
  ofSite('counter', 'read_failures_total', 'Times that the stream could not be read, or the database not be written to', ({ counters }) => counters.failures),
  ofSiteLive('gauge', 'connections', 'Connections to other nodes, for who follows events live here', ({ connections }) => connections),
  ofSiteLive('counter', 'events_total', 'Looks and events that came over them', ({ events }) => events),
  ofSiteLive('counter', 'invalid_total', 'Of what came, what this version does not know, and does not pass on', ({ invalid }) => invalid),
  ofSitePipes('pipes_opened_total', 'Pipes by which cameras of other nodes came here', ({ opened }) => opened),
  ofSitePipes('pipe_failures_total', 'Pipes that were not to be had', ({ failed }) => failed),
  ofSiteMse('gauge', 'cameras', 'Cameras of other nodes whose MSE comes here, once each', ({ size }) => size),
  ofSiteMse('gauge', 'viewers', 'Who watches those over MSE', ({ viewers }) => viewers),
  ofSiteMse('counter', 'pictures_dropped_total', 'Pictures that they did not get because they took them too slowly', ({ dropped }) => dropped.droppedFragments),
  ofSiteMse('counter', 'viewers_closed_total', 'Those of them that stayed too slow and were closed', ({ dropped }) => dropped.closedViewers),
  ofSiteMse('counter', 'failures_total', 'Times that a camera did not come, or came no more, while somebody watched', ({ counters }) => counters.failed),
  { name: 'events_forgotten_total', type: 'counter', help: 'Events deleted because of their age, or with their recordings', values: ({ keeper }) => [[{}, keeper.counters.forgotten]] },
];

export function addMetrics(app: FastifyInstance, options: MetricsOptions): void {
  const { parts, counters } = options;
  const containers = new Containers(options);
  const own = new Metrics('ruth_server_', () => counters, [...SERVER_METRICS, ...telemetryMetrics(options.telemetry ?? null), ...processMetrics()]);
  let snapshot: NodeSnapshot;
  const node = new Metrics('ruth_', () => snapshot, NODE_METRICS);
  const textOf = (part: Upstream): Promise<string | null> => part.get('/v1/metrics', text).catch(() => null);
  const scrape = async (): Promise<string> => {
    const [texts, models] = await Promise.all([Promise.all(parts.map(textOf)), containers.look()]);
    snapshot = {
      up: [...parts.map(({ name: part }, index) => ({ part, up: texts[index] !== null })), ...models.map(({ model, answered }) => ({ part: 'container', model, up: answered }))],
      containers: models.flatMap(({ health }) => health ?? []),
    };
    return [await node.text(), await own.text(), ...texts.map((one) => one ?? '')].join('\n');
  };
  /** Two scrapes at once get one answer. */
  let scraping: Promise<string> | null = null;
  app.get('/metrics', async (_request, reply) => reply.type(METRICS_CONTENT_TYPE).send(await (scraping ??= scrape().finally(() => { scraping = null; }))));
  app.addHook('onClose', () => containers[Symbol.asyncDispose]());
}

/** The model containers, asked over their own sockets. */
class Containers implements AsyncDisposable {
  readonly #options: MetricsOptions;
  readonly #clients = new Map<string, IpcClient>();

  /** As core told them last; a core that is away takes none away. */
  #ids: readonly string[];

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#ids = options.models;
  }

  /** An older container answers, but does not know its health. */
  async look(): Promise<{ model: string; answered: boolean; health: HealthResponse | null }[]> {
    const found = await this.#options.core.get('/v1/models', modelStatuses).catch(() => null);
    if (found) this.#ids = found.map(({ model_id }) => model_id).filter(isId).slice(0, MAX_MODELS);
    return Promise.all(this.#ids.map(async (model) => ({ model, ...await this.#ask(model) })));
  }

  async [Symbol.asyncDispose](): Promise<void> { await Promise.all([...this.#clients.values()].map((client) => client.close())); }

  async #ask(model: string): Promise<{ answered: boolean; health: HealthResponse | null }> {
    const client = this.#clients.get(model) ?? new IpcClient(modelSocketPath(model, this.#options.socketDirectory), { maxConnections: 1 });
    this.#clients.set(model, client);
    const answer = await client.request({ type: 'health' }, { timeoutMs: HEALTH_TIMEOUT_MS }).catch(() => null);
    return { answered: answer !== null, health: healthResponse.check(answer) && answer.model_id === model ? answer : null };
  }
}
