// Who is signed in, asked once for the whole page. Until it is known nothing may be done.
import { useSyncExternalStore } from 'react';
import type { Permission, SessionInfo } from '@ruth/protocol';
import { ask, askToSignIn } from './system/api.ts';

let session: SessionInfo | null = null;
let asked: Promise<void> | null = null;
const listeners = new Set<() => void>();

const AGAIN_MS = 5000;

async function look(): Promise<void> {
  const { value } = await ask<SessionInfo>('session');
  if (value) {
    // Nothing else may be done before: the page of signing in asks for it, and leads back.
    if (value.must_change_password) return askToSignIn();
    session = value;
    for (const listener of listeners) listener();
  } else setTimeout(() => void look(), AGAIN_MS);
}

const subscribe = (listener: () => void): (() => void) => {
  asked ??= look();
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** Something about it was changed from this page. */
export function refreshSession(): void { void look(); }

export const useSession = (): SessionInfo | null => useSyncExternalStore(subscribe, () => session);

export const useMay = (permission: Permission): boolean => useSession()?.permissions.includes(permission) ?? false;
