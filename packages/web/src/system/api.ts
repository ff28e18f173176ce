// Asks the server's API. A failure is an answer too: the page shows it and goes on.
import type { ErrorBody } from '@ruth/protocol';

export interface Failure { readonly code: string; readonly message: string; readonly advice: string | null }
export type Answer<T> = { readonly value: T; readonly failure: null } | { readonly value: null; readonly failure: Failure };

export const SERVER_UNREACHABLE = 'server_unreachable';
const ANSWER_TIMEOUT_MS = 8000;

export function ask<T>(path: string): Promise<Answer<T>> {
  return send<T>('GET', path);
}

/** `value` is null where the answer has no body. */
export async function send<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Answer<T>> {
  try {
    const response = await fetch(apiAddress(path), {
      method, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS), cache: 'no-store',
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = text === '' ? null : JSON.parse(text) as unknown;
    if (response.ok) return { value: answer as T, failure: null };
    const { error, error_code, advice } = (answer ?? {}) as Partial<ErrorBody>;
    if (response.status === 401) askToSignIn();
    return { value: null, failure: { code: error_code ?? 'internal', message: error ?? response.statusText, advice: advice ?? null } };
  } catch {
    return { value: null, failure: { code: SERVER_UNREACHABLE, message: 'the server does not answer', advice: null } };
  }
}

export function apiAddress(path: string): string {
  return `/api/v1/${path}`;
}

/** Address of one of the server's WebSockets. */
export function socketAddress(path: string): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${apiAddress(path)}`;
}

const SIGN_IN = '/sign-in';

/** The session has ended, or there was none: signing in leads back to what is looked at now. */
function askToSignIn(): void {
  if (location.pathname !== SIGN_IN) location.assign(`${SIGN_IN}?to=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
}
