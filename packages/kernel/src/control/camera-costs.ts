// What each camera's process costs: its CPU time over the time that passed, evened out over a minute. What core and containers spend on a
// camera is not in it: that is shared by all, and no process can say for whom.
import { processUsage } from '@ruth/transport';

const SAMPLE_EVERY_MS = 10_000;
const EVEN_OUT_MS = 60_000;
/** What a process does to begin is not what it costs. */
const SETTLE_MS = 20_000;
const MOST = 4096;

interface Sampled { readonly pid: number; readonly cpuS: number; readonly atMs: number; readonly cores: number | null; readonly sinceMs: number; readonly told: number | null }

export class CameraCosts {
  readonly #cpuS: (pid: number) => number | null;
  readonly #nowMs: () => number;
  readonly #sampled = new Map<string, Sampled>();

  constructor(cpuS: (pid: number) => number | null = (pid) => processUsage(pid)?.cpuS ?? null, nowMs: () => number = () => performance.now()) {
    this.#cpuS = cpuS;
    this.#nowMs = nowMs;
  }

  /** Cores, in steps of a fifth or so, that what is told changes seldom; null until its process ran for half a minute. `pid`: null where it does not run. */
  of(camera: string, pid: number | null): number | null {
    const nowMs = this.#nowMs();
    const known = this.#sampled.get(camera);
    if (pid === null || (known && known.pid === pid && nowMs - known.atMs < SAMPLE_EVERY_MS)) return known?.told ?? null;
    const cpuS = this.#cpuS(pid);
    if (cpuS === null) return known?.told ?? null;
    this.#sampled.delete(camera);
    this.#sampled.set(camera, known?.pid === pid ? next(known, cpuS, nowMs) : { pid, cpuS, atMs: nowMs, sinceMs: nowMs, cores: known?.cores ?? null, told: known?.told ?? null });
    if (this.#sampled.size > MOST) this.#sampled.delete(this.#sampled.keys().next().value!);
    return this.#sampled.get(camera)!.told;
  }
}

function next(known: Sampled, cpuS: number, atMs: number): Sampled {
  const passedMs = atMs - known.atMs;
  if (known.atMs - known.sinceMs < SETTLE_MS) return { ...known, cpuS, atMs };
  const cores = Math.max(0, cpuS - known.cpuS) * 1000 / passedMs;
  const evened = known.cores === null ? cores : known.cores + (cores - known.cores) * Math.min(1, passedMs / EVEN_OUT_MS);
  return { ...known, cpuS, atMs, cores: evened, told: step(evened, known.told) };
}

/** Another number only where it is off by a fifth, and by more than the clock of the kernel can tell. */
function step(cores: number, told: number | null): number {
  if (told !== null && Math.abs(cores - told) <= Math.max(0.005, told / 5)) return told;
  return Number(cores.toPrecision(2));
}
