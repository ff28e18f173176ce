// What a courier is made of, and what it counts.
import type { HearingConfig, StoredEvent } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { FoundEvent, Store } from '../../store/index.ts';
import type { FoldingOptions } from './folding.ts';
import type { Delivery, Target } from './targets.ts';

export interface CourierOptions {
  readonly target: Target;
  /** Whose events, where they are not this node's. */
  readonly node?: string | null;
  /** What is heard, and in which time zone it is quiet. */
  readonly hears: readonly HearingConfig[];
  readonly timeZone: string | null;
  readonly store: Store;
  readonly logger: Logger;
  readonly asStored: (event: FoundEvent) => Omit<StoredEvent, 'seen' | 'recorded'>;
  readonly picture: (event: FoundEvent) => Promise<Buffer | null>;
  /** How cameras are called. */
  readonly names: Delivery['names'];
  readonly folding?: FoldingOptions;
  /** False while it is another server's turn. */
  readonly mayBring?: () => boolean;
  /** Counted together with another one's. */
  readonly counts?: CourierCounts;
  /** Waits between tries, in milliseconds, and after them. */
  readonly retriesMs?: readonly number[];
  readonly waitMs?: number;
  /** What it is not woken for it finds so much later. */
  readonly lookEveryMs?: number;
}

export interface CourierCounts { delivered: number; unheard: number; quiet: number; failed: number; deadLetters: number; lastError: string | null }
export type CourierState = Readonly<CourierCounts>;
