// What a process of this machine has used, as Linux counts it (proc(5)).
import { readFileSync } from 'node:fs';

/** Of the times in /proc, on every Linux that there is. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** `cpuS`: user and system time since it began, seconds. `residentBytes`: what it takes of memory now. */
export interface ProcessUsage { readonly cpuS: number; readonly residentBytes: number }

/** Null where there is no such process (any more). */
export function processUsage(pid: number): ProcessUsage | null {
  try {
    // Behind the name, which may hold anything: utime and stime are fields 14 and 15, resident pages field 24.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return { cpuS: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, residentBytes: Number(fields[21]) * PAGE_BYTES };
  } catch {
    return null;
  }
}
