// Time on a processor that a process and its descendants have had.
import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds of all threads that it has now, to the nanosecond; they must live as long as what is measured. Throws where it is gone. */
export function cpuMs(pid: number): number {
  const tasks = tasksOf(pid);
  if (tasks.length === 0) throw new Error(`process ${pid} is gone: what is measured did not live as long as the measurement`);
  return tasks.reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6, 0);
}

/** All of them, at any depth. */
export function descendants(pid: number): number[] {
  const children = tasksOf(pid).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter((text) => text !== '').map(Number));
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
