// How long a server elsewhere has.
import type { Manifest } from '@ruth/protocol';

type Remote = NonNullable<Manifest['remote']>;

const DEFAULT_TIMEOUT_MS = 2000;

/** For each of its answers. */
export const answerLimitMs = ({ timeout_ms = DEFAULT_TIMEOUT_MS }: Remote): number => timeout_ms;

/** For a look, past which a session counts as hung: a canary asks twice. */
export const lookLimitMs = (remote: Remote): number => 2 * answerLimitMs(remote) + 1000;
