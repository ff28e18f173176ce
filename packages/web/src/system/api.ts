// Asks the server's API. A failure is an answer too: the page shows it and goes on.
import type { ErrorBody, NOT_ASKED_HEADER as ProtocolHeader, NotAsked } from '@ruth/protocol';

/** `problems`: where several things may be wrong in what was sent, each with a JSON pointer to its place. */
export interface Failure { readonly code: string; readonly message: string; readonly advice: string | null; readonly problems?: readonly { readonly pointer: string; readonly message: string }[] }
/** `notAsked`: what is missing in a list that joins what all nodes of a site have. */
export type Answer<T> = { readonly value: T; readonly failure: null; readonly notAsked?: NotAsked | null } | { readonly value: null; readonly failure: Failure };

/** In a sentence, with what can be done. */
export function failureText({ code, message, advice }: Failure): string {
  const text = advice === null || code === 'rate_limited' || code === 'unauthorized' || code === 'forbidden' ? message : `${message}. ${advice}`;
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** The protocol's; its module would bring schemas along. */
const NOT_ASKED_HEADER: typeof ProtocolHeader = 'ruth-not-asked';
export const SERVER_UNREACHABLE = 'server_unreachable';
const ANSWER_TIMEOUT_MS = 8000;

export function ask<T>(path: string): Promise<Answer<T>> {
  return send<T>('GET', path);
}

/** `value` is null where the answer has no body. What `signal` ends is a failure of the code `cancelled`. */
export async function send<T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, { timeoutMs = ANSWER_TIMEOUT_MS, signal }: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<Answer<T>> {
  try {
    const limit = AbortSignal.timeout(timeoutMs);
    const response = await fetch(apiAddress(path), {
      method, signal: signal ? AbortSignal.any([limit, signal]) : limit, cache: 'no-store',
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return answerOf<T>(response.status, await response.text(), response.headers.get(NOT_ASKED_HEADER));
  } catch {
    return { value: null, failure: signal?.aborted ? CANCELLED : { code: SERVER_UNREACHABLE, message: 'the server does not answer', advice: null } };
  }
}

/** A file, as it is. `fetch` does not tell how much of a body is sent. */
export async function sendFile<T>(path: string, file: File, { onSent, signal }: { onSent: (bytes: number) => void; signal: AbortSignal }): Promise<Answer<T>> {
  const request = new XMLHttpRequest();
  const { promise, resolve } = Promise.withResolvers<Answer<T>>();
  const broken = (): void => resolve({ value: null, failure: signal.aborted ? CANCELLED : { code: SERVER_UNREACHABLE, message: `the line to the server broke while ${file.name} was sent, or the file was changed meanwhile`, advice: 'Choose it again.' } });
  request.upload.addEventListener('progress', ({ loaded }) => onSent(loaded));
  for (const end of ['error', 'abort', 'timeout'] as const) request.addEventListener(end, broken);
  request.addEventListener('load', () => { try { resolve(answerOf<T>(request.status, request.responseText)); } catch { broken(); } });
  signal.addEventListener('abort', () => request.abort());
  request.open('POST', apiAddress(path));
  request.setRequestHeader('content-type', 'application/octet-stream');
  request.send(file);
  return promise;
}

const CANCELLED: Failure = { code: 'cancelled', message: 'it was cancelled', advice: null };

/** Throws where the answer is none of the server's. */
function answerOf<T>(status: number, text: string, notAsked: string | null = null): Answer<T> {
  const answer = text === '' ? null : JSON.parse(text) as unknown;
  if (status >= 200 && status < 300) return { value: answer as T, failure: null, notAsked: notAsked === null ? null : JSON.parse(notAsked) as NotAsked };
  const { error, error_code, advice, problems } = (answer ?? {}) as Partial<ErrorBody>;
  if (status === 401) askToSignIn();
  return { value: null, failure: { code: error_code ?? 'internal', message: error ?? `the server answered ${status}`, advice: advice ?? null, problems: problems ?? [] } };
}

export function apiAddress(path: string): string {
  return `/api/v1/${path}`;
}

/** Address of one of the server's WebSockets. */
export function socketAddress(path: string): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${apiAddress(path)}`;
}

const SIGN_IN = '/sign-in';

/** The session has ended, there was none, or its password must be replaced first: signing in leads back to what is looked at now. */
export function askToSignIn(): void {
  if (location.pathname !== SIGN_IN) location.assign(`${SIGN_IN}?to=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
}
