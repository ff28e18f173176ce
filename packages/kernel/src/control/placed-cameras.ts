// Cameras that a site gave to this node, beside those of its own ruth.yaml. They are recorded until the node's lease ends: each camera's
// process looks at the clock itself, so that neither the kernel nor whoever tells it need to be there when it ends. After that they are recorded
// aside, in no index, until it is known whether another node recorded them: so a site that lost NATS loses no video.
import { cameraSettings, cameraUrlProblem, RuthError, type CameraConfig, type CameraSettings, type CameraStatus, MOST_HELD_SPANS, type ClaimRequest, type ClaimResult, type KeyframesFound, type KeyframesRequest, type PlacementLease, type PlacementStatus, type Holdings, type HoldingsRequest, type RecordingSeam, type SiteSpan, type UnclaimedFiles } from '@ruth/protocol';
import { uptime } from 'node:os';

/** A lease that lasts longer than any that is given was counted by another clock. */
const LONGEST_S = 60;

/** What a kernel before this one was told to record ends within this: its lease is over, and its processes are gone. */
const ORPHANS_END_S = 30;
/** Files that follow one another are dated each by itself: what is less apart is one. */
const JOINED_WITHIN_US = 100_000;

interface SpanUs { readonly startUs: number; readonly endUs: number }

/** What this needs of the kernel. */
export interface PlacedRoster {
  /** Adds a camera or changes it. */
  put(settings: CameraSettings): Promise<unknown>;
  remove(id: string): Promise<void>;
  has(id: string): boolean;
  /** All that are there, placed ones among them, and all of which there are or were recordings. */
  ids(): string[];
  recordedIds(): string[];
  /** Those of which something was recorded aside, from when to when. */
  unclaimed(): Readonly<Record<string, SpanUs>>;
  /** All of that. */
  unclaimedFiles(): UnclaimedFiles | null;
  claim(id: string, decision: { readonly claim: readonly SpanUs[]; readonly drop: readonly SpanUs[] }): Promise<{ readonly spans: readonly SpanUs[]; readonly deletedFiles: number; readonly leftFiles: number }>;
  /** What of that time is recorded, and what lies aside; `newestUs`: of all that is recorded. */
  holdings(id: string, startUs: number, endUs: number): Promise<{ readonly recorded: readonly SpanUs[]; readonly aside: readonly SpanUs[]; readonly newestUs: number | null }>;
  /** Of the recordings of that time: keyframes at their beginnings and ends; what is told as one has less than `joinedUs` between. */
  edges(id: string, startUs: number, endUs: number, joinedUs: number): Promise<{ readonly firsts: RecordingSeam[]; readonly lasts: RecordingSeam[] }>;
  /** Which of these keyframes lie aside. */
  findAside(id: string, keyframes: readonly RecordingSeam[]): Promise<readonly { readonly seam: RecordingSeam; readonly startUs: number; readonly nextUs: number | null }[]>;
  status(id: string): CameraStatus;
  /** What a camera's process is told. */
  tell(id: string, untilS: number, turn: PlacedTurn): void;
  /** What it makes of that: pictures are held back; it records no more, and where that ended. */
  turn(id: string): { readonly held: boolean; readonly left: { readonly seam: RecordingSeam | null } | null };
  /** CPU that its process takes; null while that is not known. */
  costCores(id: string): number | null;
}

/** Whose turn it is to record, where a camera passes from one node to the next. */
export interface PlacedTurn { readonly step: 'record' | 'hold' | 'leave'; readonly seam: RecordingSeam | null }
const RECORD: PlacedTurn = { step: 'record', seam: null };

export class PlacedCameras {
  readonly #roster: PlacedRoster;
  readonly #nowS: () => number;
  readonly #placed = new Set<string>();
  /** Of those: the lease is none of theirs, since when. */
  #aside: ReadonlyMap<string, number> = new Map();
  readonly #refused = new Map<string, string>();
  #lease: Pick<PlacementLease, 'incarnation' | 'until_s'> | null = null;
  /** Of cameras that are not simply recorded. */
  #turns: ReadonlyMap<string, PlacedTurn> = new Map();
  /** Those that are recorded aside, and this node's next: nothing needs to be held back of them, for what is aside is there. */
  #nextOfAside: ReadonlySet<string> = new Set();
  #queue: Promise<unknown> = Promise.resolve();
  readonly #beganS: number;

  constructor(roster: PlacedRoster, nowS: () => number = uptime) {
    this.#roster = roster;
    this.#nowS = nowS;
    this.#beganS = nowS();
  }

  get status(): PlacementStatus {
    const present = [...this.#placed].filter((id) => this.#roster.has(id));
    const cameras = Object.fromEntries(present.map((id) => {
      const status = this.#roster.status(id);
      return [id, { state: status.recording.state, cost_cores: this.#roster.costCores(id), ...(isUnreachable(status) && { unreachable: true }) }];
    }));
    const unclaimedFiles = this.#roster.unclaimedFiles();
    const turns = present.map((id) => [id, this.#roster.turn(id)] as const);
    return {
      incarnation: this.#lease?.incarnation ?? null, until_s: this.#lease?.until_s ?? null, cameras, refused: Object.fromEntries(this.#refused),
      held: turns.flatMap(([id, { held }]) => ((held && this.turnOf(id).step === 'hold') || (this.#nextOfAside.has(id) && this.#roster.status(id).state === 'streaming') ? [id] : [])), left: Object.fromEntries(turns.flatMap(([id, { left }]) => (left && this.turnOf(id).step === 'leave' ? [[id, left.seam]] : []))),
      own: this.#roster.ids().filter((id) => !this.#placed.has(id)), recorded: this.#roster.recordedIds(), unclaimed: Object.fromEntries(Object.entries(this.#roster.unclaimed()).map(([id, { startUs, endUs }]) => [id, { from: startUs / 1e6, to: endUs / 1e6 }])), ...(unclaimedFiles && { unclaimed_files: unclaimedFiles }),
    };
  }

  /** Until when the camera may be recorded; null for one that is this node's own. */
  untilOf(id: string): number | null { return this.#placed.has(id) ? this.#aside.get(id) ?? this.#lease?.until_s ?? 0 : null; }

  turnOf(id: string): PlacedTurn { return this.#turns.get(id) ?? RECORD; }

  isPlaced(id: string): boolean { return this.#placed.has(id); }

  /** Takes what is named, and lets go of the rest; resolves when it has. Throws `bad_request` for a lease of another machine's clock. */
  place(lease: PlacementLease): Promise<PlacementStatus> {
    if (lease.until_s > this.#nowS() + LONGEST_S) throw new RuthError('bad_request', `the lease ends ${Math.round(lease.until_s - this.#nowS())} s from now: it was counted by another clock than this machine's since it booted`);
    this.#lease = lease;
    const endsS = Math.min(this.#nowS(), lease.until_s);
    this.#aside = new Map(lease.aside?.map((id) => [id, this.#aside.get(id) ?? endsS]));
    const next = (lease.next ?? []).map(({ id }) => id);
    this.#nextOfAside = new Set(next.filter((id) => this.#aside.has(id) && this.#placed.has(id)));
    this.#turns = new Map<string, PlacedTurn>([
      ...Object.entries(lease.seams ?? {}).map(([id, seam]) => [id, { step: 'record', seam }] as const),
      ...(lease.leave ?? []).map((id) => [id, { step: 'leave', seam: null }] as const), ...next.filter((id) => !this.#nextOfAside.has(id)).map((id) => [id, { step: 'hold', seam: null }] as const),
    ]);
    for (const id of this.#placed) this.#tell(id);
    const placed = this.#queue.then(() => this.#converge([...lease.cameras, ...lease.next ?? []], new Set(lease.aside)));
    this.#queue = placed.catch(() => undefined);
    return placed;
  }

  /** Throws what the index throws. */
  async claim({ camera, claim, delete: drop }: ClaimRequest): Promise<ClaimResult> {
    const { spans, deletedFiles, leftFiles } = await this.#roster.claim(camera, { claim: claim.map(toUs), drop: drop.map(toUs) });
    return { claimed_s: spans.reduce((sum, { startUs, endUs }) => sum + (endUs - startUs) / 1e6, 0), deleted_files: deletedFiles, left_files: leftFiles };
  }

  /** What this node has of that time: for one that recorded it aside. Throws what the index throws. */
  async holdings({ camera, start, end }: HoldingsRequest): Promise<Holdings> {
    // Looked at before: what begins later is later.
    const mayRecord = this.#placed.has(camera) || this.#roster.has(camera) || this.#nowS() - this.#beganS < ORPHANS_END_S;
    const nowS = Date.now() / 1000;
    const { recorded, aside, newestUs } = await this.#roster.holdings(camera, start * 1e6, end * 1e6);
    const [spans, spansAside] = [joined(recorded), joined(aside)];
    // A recorder goes on where its newest file ends, and never before.
    const settled = Math.min(mayRecord ? (newestUs ?? 0) / 1e6 : nowS, ...[spans, spansAside].map((all) => all[MOST_HELD_SPANS]?.start ?? Infinity));
    // A file that cannot be read is told of all the same: by its dates.
    const edges = spans.length > 0 ? await this.#roster.edges(camera, start * 1e6, end * 1e6, JOINED_WITHIN_US).catch(() => null) : null;
    return { recorded: spans.slice(0, MOST_HELD_SPANS), aside: spansAside.slice(0, MOST_HELD_SPANS), settled, ...edges };
  }

  /** Throws what the index throws. */
  async keyframes({ camera, keyframes }: KeyframesRequest): Promise<KeyframesFound> {
    const found = await this.#roster.findAside(camera, keyframes);
    return { found: found.map(({ seam, startUs, nextUs }) => ({ keyframe: seam, start: startUs / 1e6, next: nextUs === null ? null : nextUs / 1e6 })) };
  }

  async #converge(cameras: readonly CameraConfig[], aside: ReadonlySet<string>): Promise<PlacementStatus> {
    const wanted = new Set(cameras.map(({ id }) => id));
    this.#refused.clear();
    await Promise.all([
      ...[...this.#placed].filter((id) => !wanted.has(id) && !aside.has(id)).map((id) => this.#release(id)),
      // What this kernel does not have, as it began anew, needs nobody to let go of it.
      ...cameras.filter(({ id }) => this.turnOf(id).step !== 'leave' || this.#placed.has(id)).map((camera) => this.#take(camera)),
    ]);
    return this.status;
  }

  async #take(camera: CameraConfig): Promise<void> {
    const { id } = camera;
    const problem = cameraUrlProblem(camera.url) ?? (camera.detect_url === undefined ? null : cameraUrlProblem(camera.detect_url));
    if (problem !== null) return void this.#refused.set(id, `its URL ${problem}`);
    if (!this.#placed.has(id) && this.#roster.has(id)) return void this.#refused.set(id, 'ruth.yaml of this node has a camera of that id');
    this.#placed.add(id);
    try {
      await this.#roster.put(cameraSettings(camera));
      this.#tell(id);
    } catch (cause) {
      this.#refused.set(id, RuthError.from(cause).message);
      if (!this.#roster.has(id)) this.#placed.delete(id);
    }
  }

  #tell(id: string): void { this.#roster.tell(id, this.untilOf(id)!, this.turnOf(id)); }

  async #release(id: string): Promise<void> {
    if (this.#roster.has(id)) await this.#roster.remove(id);
    this.#placed.delete(id);
  }
}

/** What a camera itself answers, e.g. that it knows no such password, it would answer any node. */
const isUnreachable = ({ state, last_error: error }: CameraStatus): boolean => state !== 'streaming' && (error?.code === 'camera_unreachable' || error?.code === 'camera_stalled');

const toUs = ({ start, end }: SiteSpan): SpanUs => ({ startUs: start * 1e6, endUs: end * 1e6 });

function joined(spans: readonly SpanUs[]): SiteSpan[] {
  const all: SiteSpan[] = [];
  for (const { startUs, endUs } of spans.toSorted((a, b) => a.startUs - b.startUs)) {
    const last = all.at(-1);
    if (last && startUs <= last.end * 1e6 + JOINED_WITHIN_US) last.end = Math.max(last.end, endUs / 1e6);
    else all.push({ start: startUs / 1e6, end: endUs / 1e6 });
  }
  return all;
}
