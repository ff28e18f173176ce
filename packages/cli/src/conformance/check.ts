// What a check is: a sentence of the contract, and a way to see from outside whether a container keeps it.
import type { Target } from './target.ts';

export type Status = 'pass' | 'fail' | 'warn' | 'skip';

export interface Outcome {
  readonly status: Status;
  /** What was seen. */
  readonly seen: string;
}

export interface Check {
  readonly sentence: string;
  /** Throws where the container does otherwise: the message says what was seen instead. */
  run(target: Target): Promise<Outcome>;
}

export interface Chapter {
  readonly title: string;
  readonly checks: readonly Check[];
}

export interface Result extends Outcome {
  readonly chapter: string;
  readonly sentence: string;
}

export const pass = (seen: string): Outcome => ({ status: 'pass', seen });
/** Allowed, but worth a look. */
export const warn = (seen: string): Outcome => ({ status: 'warn', seen });
/** Could not be seen from here. */
export const skip = (seen: string): Outcome => ({ status: 'skip', seen });
