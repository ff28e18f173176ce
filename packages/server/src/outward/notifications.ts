// Who is told of what: a courier for each target, the MQTT broker among them, woken by what happens; how they are doing, and their dead letters, over HTTP.
import { CameraStatus, DeadLetterInfo, DeliveryStatus, ErrorBody, RuthError, validator, type NotificationsConfig } from '@ruth/protocol';
import { AddressPolicy, type Logger, type ReadSecret } from '@ruth/transport';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { identityOf, type Audit } from '../access/index.ts';
import { asStoredEvent } from '../events/event-routes.ts';
import type { FoundEvent, Store } from '../store/index.ts';
import type { Upstream } from '../upstream.ts';
import { CourierTurns } from './notify/courier-turns.ts';
import { Courier } from './notify/courier.ts';
import type { FoldingOptions } from './notify/folding.ts';
import { emailTarget, ntfyTarget, webhookTarget, type Delivery, type Target } from './notify/targets.ts';

const NAMES_FOR_MS = 60_000;
const cameraStatuses = validator(Type.Array(CameraStatus));

export interface NotificationsOptions {
  readonly config: NotificationsConfig;
  /** A target beside those that it names. */
  readonly broker?: Target | null;
  readonly store: Store;
  readonly kernel: Upstream;
  readonly logger: Logger;
  readonly timeZone: string | null;
  readonly readSecret: ReadSecret;
  /** Other servers write into the same store, and stand in for one that is away. */
  readonly isOfSite?: boolean;
  /** Waits between tries, and between looks whose turn it is; for tests. */
  readonly retriesMs?: readonly number[];
  readonly waitMs?: number;
  readonly lookEveryMs?: number;
  readonly roundMs?: number;
  readonly folding?: FoldingOptions;
}

export class Notifications {
  /** Of this node's events. */
  readonly couriers: readonly Courier[];
  /** Null where this node is by itself. */
  readonly turns: CourierTurns | null;
  readonly #targets: readonly Target[];
  readonly #store: Store;

  /** Throws `invalid_config` for an address that may not be reached. */
  constructor({ config, broker = null, store, kernel, logger, timeZone, isOfSite = false, retriesMs, waitMs, lookEveryMs, roundMs, folding, readSecret }: NotificationsOptions) {
    this.#store = store;
    const policy = AddressPolicy.forNotifications(config.allow_addresses);
    this.#targets = [
      ...(config.webhooks ?? []).map((webhook) => webhookTarget(webhook, policy, readSecret)), ...(config.ntfy ?? []).map((ntfy) => ntfyTarget(ntfy, policy, readSecret)), ...(config.email ?? []).map((email) => emailTarget(email, readSecret)),
      ...(broker ? [broker] : []),
    ];
    const common = { store, logger, asStored: asStoredEvent, picture: (event: FoundEvent) => pictureOf(kernel, event), names: namesOf(kernel), ...(folding === undefined ? {} : { folding }), ...(retriesMs === undefined ? {} : { retriesMs }), ...(waitMs === undefined ? {} : { waitMs }), ...(lookEveryMs === undefined ? {} : { lookEveryMs }) };
    this.couriers = this.#targets.map((target) => new Courier({ ...common, target, hears: target.hears, timeZone, mayBring: () => this.turns === null || this.turns.mayBring(target.name, null) }));
    this.turns = !isOfSite || this.#targets.length === 0 ? null : new CourierTurns({
      store, logger, targets: this.#targets, couriers: this.couriers, timeZone, ...(roundMs === undefined ? {} : { roundMs }),
      standIn: (target, { node, hears, timeZone: zone, topics }) => new Courier({
        ...common, target: topics === null ? target : target.under?.(topics) ?? target, node, hears: hears ?? target.hears, timeZone: zone, mayBring: () => this.turns!.mayBring(target.name, node), counts: this.couriers.find(({ name }) => name === target.name)!.counts,
      }),
    });
  }

  /** Something was stored, or a target is there again. */
  poke(): void { for (const courier of [...this.couriers, ...this.turns?.others ?? []]) courier.poke(); }

  /** Ends when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const forgotten = this.#store.write('keepCouriers', this.#targets.map(({ name }) => name)).catch(() => undefined);
    await Promise.all([forgotten, ...this.couriers.map((courier) => courier.run(signal)), this.turns?.run(signal)]);
    await Promise.all(this.#targets.map((target) => target[Symbol.asyncDispose]()));
  }
}

/** Of the frame that the event is about, where it is recorded. */
async function pictureOf(kernel: Upstream, { series: { camera, type }, body }: FoundEvent): Promise<Buffer | null> {
  const { recording_at: at } = JSON.parse(body) as { recording_at?: number };
  // Of a camera that shows nothing there is none.
  if (camera === '' || type === 'camera.down' || type === 'recording.gap') return null;
  const path = `/v1/cameras/${camera}/snapshot.jpg`;
  return at === undefined ? kernel.bytes(path) : kernel.bytes(`${path}?at=${at}`).catch(() => kernel.bytes(path));
}

/** By id, as the kernel of this node calls them; one that it does not know is called by its id. */
function namesOf(kernel: Upstream): Delivery['names'] {
  let known: Promise<ReadonlyMap<string, string>> = Promise.resolve(new Map());
  let askedMs = -Infinity;
  return async () => {
    if (performance.now() - askedMs > NAMES_FOR_MS) {
      askedMs = performance.now();
      const before = known;
      known = kernel.get('/v1/cameras', cameraStatuses).then((cameras) => new Map(cameras.map(({ camera_id, name }) => [camera_id, name])), () => before);
    }
    const names = await known;
    return (id) => names.get(id) ?? id;
  };
}

interface ById { Params: { id: number } }

export function addNotifications(app: FastifyInstance, store: Store, notifications: Notifications, audit: Audit): void {
  const answers = <S extends Type.TSchema>(schema: S) => ({ schema: { response: { 200: Type.Array(schema), default: ErrorBody } } });
  const params = Type.Object({ id: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) });
  app.get('/api/v1/deliveries', answers(DeliveryStatus), (): DeliveryStatus[] => notifications.couriers.map(({ name, state }) => ({
    ...(notifications.turns ? { stands_in_for: notifications.turns.nodesOf(name) } : {}),
    target: name, delivered: state.delivered, unheard: state.unheard, quiet: state.quiet, failed: state.failed, dead_letters: state.deadLetters, last_error: state.lastError,
  })));
  app.get('/api/v1/dead-letters', answers(DeadLetterInfo), async (): Promise<DeadLetterInfo[]> => (
    (await store.read('deadLetters', 500)).map(({ id, target, event_id, at_us, attempts, error }) => ({ letter_id: id, target, event_id, at: at_us / 1e6, attempts, error }))
  ));
  app.post<ById>('/api/v1/dead-letters/:id/retry', { schema: { params } }, async (request, reply) => {
    const letter = await store.read('deadLetter', request.params.id);
    const event = letter && await store.read('event', letter.event_id);
    const courier = letter && notifications.couriers.find(({ name }) => name === letter.target);
    if (!letter || !event || !courier) throw new RuthError('not_found', 'there is no such letter, or its event or its target is gone');
    await courier.again(event);
    await store.write('removeDeadLetter', letter.id);
    audit.note(identityOf(request), { action: 'sent a dead letter again', detail: `${letter.target}: event ${letter.event_id}`, address: request.ip });
    return reply.code(204).send();
  });
  app.delete<ById>('/api/v1/dead-letters/:id', { schema: { params } }, async (request, reply) => {
    if (!await store.write('removeDeadLetter', request.params.id)) throw new RuthError('not_found', 'there is no such letter');
    audit.note(identityOf(request), { action: 'forgot a dead letter', detail: String(request.params.id), address: request.ip });
    return reply.code(204).send();
  });
}

