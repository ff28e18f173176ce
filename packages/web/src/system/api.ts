// Asks the server's API. A failure is an answer too: the page shows it and goes on.
import type { ErrorBody } from '@ruth/protocol';

export interface Failure { readonly code: string; readonly message: string; readonly advice: string | null }
export type Answer<T> = { readonly value: T; readonly failure: null } | { readonly value: null; readonly failure: Failure };

export const SERVER_UNREACHABLE = 'server_unreachable';
const ANSWER_TIMEOUT_MS = 8000;

export async function ask<T>(path: string): Promise<Answer<T>> {
  try {
    const response = await fetch(`/api/v1/${path}`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS), cache: 'no-store' });
    const body: unknown = await response.json();
    if (response.ok) return { value: body as T, failure: null };
    const { error, error_code, advice } = body as Partial<ErrorBody>;
    return { value: null, failure: { code: error_code ?? 'internal', message: error ?? response.statusText, advice: advice ?? null } };
  } catch {
    return { value: null, failure: { code: SERVER_UNREACHABLE, message: 'the server does not answer', advice: null } };
  }
}

/** Address of one of the server's WebSockets. */
export function socketAddress(path: string): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/${path}`;
}
