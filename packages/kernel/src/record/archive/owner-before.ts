// Who had the folder of recordings before, and what is known of why it has it no longer. The lock file names the process and the boot of
// the machine: where that is another one by now, the machine was off, whatever its clock says.
import { readFileSync } from 'node:fs';
import type { Gap } from './gap-table.ts';

/** Changes with each start of the machine; null where the system tells none. */
export function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}

/** What this process writes of itself. */
export function ownerText(): string { return `${process.pid} ${bootId() ?? ''}`.trim(); }

export interface EndFacts {
  /** What the owner before wrote of itself. */
  readonly ownerBefore: string;
  readonly bootIdNow: string | null;
  /** When the machine was started, us UTC. */
  readonly bootedUs: number;
  /** What a supervisor saw of the end of the process before; null where none did. */
  readonly seen: string | null;
}

/** Whether the machine was started anew since the owner before wrote of itself; null where that is not known. */
function machineWasOff({ ownerBefore, bootIdNow }: EndFacts): boolean | null {
  const [, bootIdBefore] = ownerBefore.trim().split(' ');
  return bootIdBefore === undefined || bootIdNow === null ? null : bootIdBefore !== bootIdNow;
}

/** Why recordings ended at an instant (us UTC) without a word, as far as it is known. */
export function whyEnded(endedUs: number, facts: EndFacts): Pick<Gap, 'cause' | 'message'> {
  if (machineWasOff(facts)) {
    const downS = Math.round((facts.bootedUs - endedUs) / 1e6);
    // A clock that was wrong at the time tells nothing of how long that took.
    const again = downS > 0 ? `; it ran again ${durationWords(downS)} later` : '';
    return { cause: 'machine_off', message: `this machine ended without stopping Ruth, as in a power cut, a reset or a crash${again}` };
  }
  return { cause: 'process_died', message: `the kernel ended without being stopped${facts.seen === null ? '' : `: ${facts.seen}`}` };
}

/** What there is to add to a gap that began when Ruth was stopped in order; null where nothing is. */
export function alsoKnown({ cause, message }: Gap, facts: EndFacts): string | null {
  const added = 'this machine was started anew meanwhile';
  if (cause !== 'stopped' || !machineWasOff(facts) || message?.includes(added)) return null;
  return message === null ? added : `${message}; ${added}`;
}

function durationWords(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}
