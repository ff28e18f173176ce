// A timer that does nothing, on the processor of what is measured: what the machine itself does to a process that wants to wake up in time.
// Told {"start": true} and {"stop": true}; answers with {"worstMs", "late": [{"atMs", "ms"}]}: the instants at which it was late by more than 2 ms.
import { monotonicMs } from './gc-watch.ts';

const INTERVAL_MS = 5;
const LATE_MS = 2;

export interface Lateness { readonly worstMs: number; readonly late: readonly { readonly atMs: number; readonly ms: number }[] }

let late: { atMs: number; ms: number }[] = [];
let worstMs = 0;
let dueMs = monotonicMs() + INTERVAL_MS;
const fire = (): void => {
  const nowMs = monotonicMs();
  worstMs = Math.max(worstMs, nowMs - dueMs);
  if (nowMs - dueMs > LATE_MS) late.push({ atMs: nowMs, ms: nowMs - dueMs });
  dueMs = nowMs + INTERVAL_MS;
  setTimeout(fire, INTERVAL_MS);
};
setTimeout(fire, INTERVAL_MS);
process.on('message', (message: { start?: boolean; stop?: boolean }) => {
  if (message.stop) process.send!({ worstMs, late } satisfies Lateness);
  late = [];
  worstMs = 0;
});
process.on('disconnect', () => process.exit(0));
