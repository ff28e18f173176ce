// Who is told of what: a courier for each target, woken by what happens; how they are doing, and their dead letters, over HTTP.
import { DeadLetterInfo, DeliveryStatus, ErrorBody, RuthError, type NotificationsConfig } from '@ruth/protocol';
import { AddressPolicy, type Logger, type ReadSecret } from '@ruth/transport';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { identityOf, type Audit } from '../access/index.ts';
import { asStoredEvent } from '../events/event-routes.ts';
import type { FoundEvent, Store } from '../store/index.ts';
import type { Upstream } from '../upstream.ts';
import { Courier } from './notify/courier.ts';
import { emailTarget, ntfyTarget, webhookTarget, type Target } from './notify/targets.ts';

export interface NotificationsOptions {
  readonly config: NotificationsConfig;
  readonly store: Store;
  readonly kernel: Upstream;
  readonly logger: Logger;
  readonly timeZone: string | null;
  readonly readSecret: ReadSecret;
  /** Waits between tries; for tests. */
  readonly retriesMs?: readonly number[];
}

/** Until what happened is in the store; a look now and then finds what is later. */
const SETTLE_MS = 150;

export class Notifications {
  readonly couriers: readonly Courier[];
  readonly #targets: readonly Target[];
  #isPoked = false;

  /** Throws `invalid_config` for an address that may not be reached. */
  constructor({ config, store, kernel, logger, timeZone, retriesMs, readSecret }: NotificationsOptions) {
    const policy = AddressPolicy.forNotifications(config.allow_addresses);
    this.#targets = [
      ...(config.webhooks ?? []).map((webhook) => webhookTarget(webhook, policy, readSecret)), ...(config.ntfy ?? []).map((ntfy) => ntfyTarget(ntfy, policy, readSecret)), ...(config.email ?? []).map((email) => emailTarget(email, readSecret)),
    ];
    this.couriers = this.#targets.map((target) => new Courier({
      target, store, logger, timeZone, asStored: asStoredEvent, picture: (event) => pictureOf(kernel, event), ...(retriesMs === undefined ? {} : { retriesMs }),
    }));
  }

  /** Something happened, and will be in the store. */
  poke(): void {
    if (this.#isPoked) return;
    this.#isPoked = true;
    setTimeout(() => {
      this.#isPoked = false;
      for (const courier of this.couriers) courier.poke();
    }, SETTLE_MS).unref();
  }

  /** Ends when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.couriers.map((courier) => courier.run(signal)));
    await Promise.all(this.#targets.map((target) => target[Symbol.asyncDispose]()));
  }
}

/** Of the frame that the event is about, where it is recorded. */
async function pictureOf(kernel: Upstream, { series: { camera }, body }: FoundEvent): Promise<Buffer | null> {
  const { recording_at: at } = JSON.parse(body) as { recording_at?: number };
  if (camera === '') return null;
  const path = `/v1/cameras/${camera}/snapshot.jpg`;
  return at === undefined ? kernel.bytes(path) : kernel.bytes(`${path}?at=${at}`).catch(() => kernel.bytes(path));
}

interface ById { Params: { id: number } }

export function addNotifications(app: FastifyInstance, store: Store, notifications: Notifications, audit: Audit): void {
  const answers = <S extends Type.TSchema>(schema: S) => ({ schema: { response: { 200: Type.Array(schema), default: ErrorBody } } });
  const params = Type.Object({ id: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) });
  app.get('/api/v1/deliveries', answers(DeliveryStatus), (): DeliveryStatus[] => notifications.couriers.map(({ name, state }) => ({
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

