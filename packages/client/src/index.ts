// A typed client of a Ruth node, for any JavaScript that has `fetch`. Its types are made from the node's own description of its API
// (generated/schema.ts: npm run -s client); every path, query, body and answer is checked by the compiler.
import createClient, { type Client } from 'openapi-fetch';
import type { components, paths } from '../generated/schema.ts';

/** What the API speaks of, by name: `Schemas['CameraStatus']`. */
export type Schemas = components['schemas'];
export type RuthClient = Client<paths>;

export interface RuthClientOptions {
  /** Of the node, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** An API token; without one the browser's session counts. */
  readonly token?: string;
  /** Takes the place of the global one. */
  readonly fetch?: typeof globalThis.fetch;
}

/** `const { data, error } = await ruthClient({ url, token }).GET('/api/v1/cameras')` */
export function ruthClient({ url, token, fetch }: RuthClientOptions): RuthClient {
  return createClient<paths>({
    baseUrl: url.replace(/\/+$/, ''), ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }), ...(fetch === undefined ? {} : { fetch }),
    // `camera=a&camera=b`: any of them.
    querySerializer: { array: { style: 'form', explode: true } },
  });
}
