// The ways out: a signed webhook, a topic of ntfy, e-mail. Each delivers one event or throws why it could not; whether it is tried again is
// decided elsewhere (courier.ts).
import { createHash, createHmac } from 'node:crypto';
import { RuthError, type EmailConfig, type HearingConfig, type NtfyConfig, type WebhookConfig } from '@ruth/protocol';
import type { AddressPolicy, ReadSecret } from '@ruth/transport';
import { createTransport } from 'nodemailer';
import { Agent, request, type Dispatcher } from 'undici';
import { wordsOf, type ToldEvent } from './words.ts';

export interface Delivery {
  readonly event: ToldEvent;
  /** Others of its kind, which are told with it; for a target that folds. */
  readonly alike?: readonly ToldEvent[];
  /** How cameras are called, by id. */
  readonly names: () => Promise<(cameraId: string) => string>;
  /** The picture of its frame, where there is one. */
  readonly picture: () => Promise<Buffer | null>;
}

export interface Target extends AsyncDisposable {
  /** `webhook crm` */
  readonly name: string;
  /** Where it leads to, as a hash, by which servers of a site know that they have the same one. */
  readonly address: string;
  readonly hears: readonly HearingConfig[];
  /** Under which topics a node tells its events there, JSON; not where all nodes tell alike. */
  readonly topics?: string;
  /** The same, as a node tells that has these topics. Throws `internal`. */
  readonly under?: (topics: string) => Target;
  /** It is read by people: many alike are delivered as one. */
  readonly folds?: boolean;
  /** Takes what is delivered at once in that order. */
  readonly takesMany?: boolean;
  /** False while there is no use in trying. */
  readonly isThere?: () => boolean;
  deliver(delivery: Delivery): Promise<void>;
}

const TIMEOUT_MS = 10_000;
export const SIGNATURE_HEADER = 'ruth-signature';

/** `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>" in hex>` */
export function signatureOf(body: string, secret: string, atS: number): string {
  return `t=${atS},v1=${createHmac('sha256', secret).update(`${atS}.${body}`).digest('hex')}`;
}

export function webhookTarget({ id, url, secret, hears }: WebhookConfig, policy: AddressPolicy, readSecret: ReadSecret): Target {
  policy.assertUrl(url);
  const agent = agentOf(policy);
  return {
    name: `webhook ${id}`, address: addressOf(url), hears,
    async deliver({ event }) {
      const body = JSON.stringify(event);
      const signature = signatureOf(body, await readSecret(secret), Math.floor(Date.now() / 1000));
      await send(agent, url, { method: 'POST', body, headers: { 'content-type': 'application/json', 'user-agent': 'Ruth', 'ruth-event-id': String(event.event_id), [SIGNATURE_HEADER]: signature } });
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

/** https://docs.ntfy.sh/publish */
export function ntfyTarget({ id, url, token, snapshot = true, hears }: NtfyConfig, policy: AddressPolicy, readSecret: ReadSecret): Target {
  policy.assertUrl(url);
  const agent = agentOf(policy);
  return {
    name: `ntfy ${id}`, address: addressOf(url), hears, folds: true,
    async deliver({ event, alike, names, picture }) {
      const { title, text, isUrgent } = wordsOf(event, alike, await names());
      const headers = { title: encoded(title), priority: isUrgent ? 'high' : 'default', tags: isUrgent ? 'rotating_light' : 'camera', ...(token === undefined ? {} : { authorization: `Bearer ${await readSecret(token)}` }) };
      const image = snapshot ? await picture() : null;
      if (image) await send(agent, url, { method: 'PUT', body: image, headers: { ...headers, message: encoded(text), filename: `event-${event.event_id}.jpg` } });
      else await send(agent, url, { method: 'POST', body: text, headers });
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

export function emailTarget({ id, smtp, user, password, from, to, snapshot = true, hears }: EmailConfig, readSecret: ReadSecret): Target {
  return {
    name: `email ${id}`, address: addressOf(...to.toSorted()), hears, folds: true,
    async deliver({ event, alike, names, picture }) {
      const { title, text } = wordsOf(event, alike, await names());
      const image = snapshot ? await picture() : null;
      const transport = createTransport({
        url: smtp, connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS, disableFileAccess: true, disableUrlAccess: true,
        ...(user === undefined ? {} : { auth: { user, pass: password === undefined ? '' : await readSecret(password) } }),
      });
      try {
        await transport.sendMail({
          from, to, subject: title, text: `${text}\n`, messageId: `<event-${event.event_id}.${event.source}@ruth>`, ...(image ? { attachments: [{ filename: `event-${event.event_id}.jpg`, content: image, contentType: 'image/jpeg' }] } : {}),
        });
      } finally {
        transport.close();
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** An address may be a secret (that of a topic of ntfy is). */
const addressOf = (...parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** Headers are ASCII; ntfy reads RFC 2047. */
const encoded = (text: string): string => (/^[\x20-\x7e]*$/.test(text) ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`);

/** Throws unless it is answered with 2xx. */
async function send(dispatcher: Dispatcher, url: string, options: { method: 'POST' | 'PUT'; body: string | Buffer; headers: Record<string, string> }): Promise<void> {
  try {
    const { statusCode, body } = await request(url, { ...options, dispatcher, signal: AbortSignal.timeout(2 * TIMEOUT_MS) });
    const said = (await body.text()).slice(0, 200);
    if (statusCode < 200 || statusCode > 299) throw new RuthError('unreachable', `it answered ${statusCode}: ${said}`);
  } catch (cause) {
    if (cause instanceof RuthError) throw cause;
    throw new RuthError('unreachable', (cause as Error).message, { cause });
  }
}

/** Connections that go to the address that was judged. Redirects are not followed by undici's `request`. */
const agentOf = ({ lookup }: AddressPolicy): Agent => new Agent({ connect: { lookup, timeout: TIMEOUT_MS }, connections: 4, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, maxResponseSize: 64 * 1024 });
