// What becomes of that which a node recorded aside, by what the others say that they have. A function of what is known, no I/O: of two nodes that both have an instant aside, at most one
// ever finds that it may claim it. The later of two terms goes first: who had the camera under it claims what no node of a term after it has, and who had it before claims what that one has not.
import { CLOCKS_DIFFER_S, type CameraPlacement, type ClaimRequest, type Holdings, type KeyframesFound, type RecordingSeam, type SiteClock, type SiteSpan } from '@ruth/protocol';

/** A row of the camera in ruth_placement: null where there was none. */
export interface Term { readonly createdS: number; readonly placement: Pick<CameraPlacement, 'node' | 'from'> | null }

export interface AsideOf {
  readonly node: string;
  /** UTC, seconds: what lies aside is between these. */
  readonly start: number;
  readonly end: number;
  /** Oldest first. */
  readonly terms: readonly Term[];
  /** There were terms before these, which nobody knows any more. */
  readonly forgotten: boolean;
  /** All nodes of the site. */
  readonly nodes: readonly string[];
  /** The clock of this node may be wrong by so much more, against that of NATS, than clocks may differ. */
  readonly doubtS?: number;
}

/** What another node says that it has, by the clock of this one; `found`: where keyframes of its edges lie aside here; `doubtS`: its dates may be wrong by so much more than clocks may differ. */
export type Answer = Holdings & Partial<KeyframesFound> & { readonly doubtS?: number };

/** Of what clocks may differ by: the rest is for pictures that come late. */
const OF_CLOCKS_S = CLOCKS_DIFFER_S / 2;

/** What is not covered by what clocks may differ by. */
export const doubtOf = (withinS: number): number => Math.max(0, withinS - OF_CLOCKS_S);

/** `clock`: of that node, against this one. A difference that may be none is none. */
export function byThisClock(answer: Holdings, { ahead_s: aheadS, within_s: withinS }: SiteClock): Answer {
  const byS = Math.abs(aheadS) <= withinS ? 0 : aheadS;
  const at = (second: number): number => Math.max(0, second - byS);
  const spans = (of: readonly SiteSpan[]): SiteSpan[] => of.map(({ start, end }) => ({ start: at(start), end: at(end) }));
  const seams = (of: readonly RecordingSeam[] = []): RecordingSeam[] => of.map((seam) => ({ ...seam, at: at(seam.at) }));
  return { ...answer, recorded: spans(answer.recorded), aside: spans(answer.aside), settled: at(answer.settled), firsts: seams(answer.firsts), lasts: seams(answer.lasts), doubtS: doubtOf(withinS) };
}

/** Dates of neighbours differ by roundings. */
const ROUNDING_S = 0.001;

export type Decision = Pick<ClaimRequest, 'claim' | 'delete'>;
type Fate = 'claim' | 'delete' | 'wait';

/** Who may have some of that: whom to ask. */
export function rivalsOf(aside: AsideOf): string[] {
  return [...new Set(pieces(aside, []).flatMap(({ at }) => rivalsAt(aside, at)))].sort();
}

/** `answers`: of those that answered. `waitsFor`: who does not answer, or cannot say yet. */
export function decide(aside: AsideOf, answers: ReadonlyMap<string, Answer>): Decision & { readonly waitsFor: string[] } {
  const decision: Record<Fate, SiteSpan[]> = { claim: [], delete: [], wait: [] };
  const waitsFor = new Set<string>();
  const held = new Map([...answers].map(([node, answer]) => [node, heldOf(answer)]));
  for (const { start, end, at } of pieces(aside, [...held.values()])) {
    const fates = rivalsAt(aside, at).map((node) => [node, fateAt(at, held.get(node))] as const);
    const fate = (['delete', 'wait'] as const).find((one) => fates.some(([, its]) => its === one)) ?? 'claim';
    if (fate === 'wait') for (const [node, its] of fates) if (its === 'wait') waitsFor.add(node);
    const last = decision[fate].at(-1);
    if (last?.end === start) last.end = end;
    else decision[fate].push({ start, end });
  }
  return { claim: decision.claim, delete: decision.delete, waitsFor: [...waitsFor].sort() };
}

/** Those that had the camera after this node had it, and may have had it then. */
function rivalsAt({ node, terms, forgotten, nodes, doubtS = 0 }: AsideOf, at: number): string[] {
  const marginS = CLOCKS_DIFFER_S + doubtS;
  const own = terms.findLastIndex(({ createdS, placement }) => placement?.node === node && !placement.from && createdS <= at - marginS);
  if (own < 0 && forgotten) return nodes.filter((id) => id !== node);
  return terms.flatMap(({ createdS, placement }, index) => (index > own && placement && !placement.from && placement.node !== node && createdS <= at + marginS ? [placement.node] : []));
}

/** By the clock of this node: what that one may have, and from when on it may have more. */
interface Held { readonly recorded: readonly SiteSpan[]; /** It may have that. */ readonly doubtful: readonly SiteSpan[]; readonly settled: number }

/** Where a keyframe of an edge is known here, that edge is there, to a picture; else what clocks may differ by lies on both sides. */
function heldOf({ recorded, aside, settled, firsts = [], lasts = [], found = [], doubtS = 0 }: Answer): Held {
  const marginS = CLOCKS_DIFFER_S + doubtS;
  const doubtful: SiteSpan[] = aside.map(({ start, end }) => ({ start: start - marginS, end: end + marginS }));
  const place = (keyframe: { readonly picture: string; readonly at: number } | undefined): KeyframesFound['found'][number] | undefined => found.find(({ keyframe: { picture, at } }) => picture === keyframe?.picture && at === keyframe.at);
  const spans = recorded.map(({ start, end }): SiteSpan => {
    const first = place(firsts.find(({ at }) => Math.abs(at - start) < ROUNDING_S));
    const last = place(lasts.findLast(({ at }) => at > start - ROUNDING_S && at < end));
    const known = first ?? last;
    const aheadS = known ? known.start - known.keyframe.at : 0;
    const span = { start: first ? first.start + ROUNDING_S : start + aheadS - CLOCKS_DIFFER_S, end: last && last.next !== null ? last.next - ROUNDING_S : end + aheadS + CLOCKS_DIFFER_S };
    if (doubtS === 0 || known) return span;
    doubtful.push({ start: span.start - doubtS, end: span.end + doubtS });
    return { start: span.start + doubtS, end: span.end - doubtS };
  });
  return { recorded: spans, doubtful, settled: settled - marginS };
}

function fateAt(at: number, held: Held | undefined): Fate {
  if (!held) return 'wait';
  const has = (spans: readonly SiteSpan[]): boolean => spans.some(({ start, end }) => at >= start && at < end);
  return has(held.recorded) ? 'delete' : has(held.doubtful) || at >= held.settled ? 'wait' : 'claim';
}

/** Within each everything is the same; `at`: some instant in it. */
function pieces({ start, end, terms, doubtS = 0 }: AsideOf, held: readonly Held[]): { readonly start: number; readonly end: number; readonly at: number }[] {
  const bounds = [
    ...terms.flatMap(({ createdS }) => [createdS - CLOCKS_DIFFER_S - doubtS, createdS + CLOCKS_DIFFER_S + doubtS]),
    ...held.flatMap(({ recorded, doubtful, settled }) => [settled, ...[...recorded, ...doubtful].flatMap((span) => [span.start, span.end])]),
  ].filter((bound) => bound > start && bound < end);
  const sorted = [start, ...new Set(bounds.sort((a, b) => a - b)), end];
  return sorted.slice(1).flatMap((to, index) => (to > sorted[index]! ? [{ start: sorted[index]!, end: to, at: (sorted[index]! + to) / 2 }] : []));
}
