// How long a server elsewhere has.
import type { Manifest } from '@ruth/protocol';

type Remote = NonNullable<Manifest['remote']>;

const DEFAULT_TIMEOUT_MS = 2000;

/** For the look that is made here after all. */
const FALLBACK_LIMIT_MS = 20_000;

/** For each of its answers. */
export const answerLimitMs = ({ timeout_ms = DEFAULT_TIMEOUT_MS }: Remote): number => timeout_ms;

/** For a look, past which a session counts as hung: a canary asks twice. */
export const lookLimitMs = (remote: Remote): number => 2 * answerLimitMs(remote) + (remote.fallback === undefined ? 1000 : FALLBACK_LIMIT_MS);
