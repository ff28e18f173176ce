// What becomes of that which a node recorded aside, by what the others say that they have. A function of what is known, no I/O: of two nodes that both have an instant aside, at most one
// ever finds that it may claim it. The later of two terms goes first: who had the camera under it claims what no node of a term after it has, and who had it before claims what that one has not.
import type { CameraPlacement, ClaimRequest, Holdings, KeyframesFound, SiteSpan } from '@ruth/protocol';

/** By so much the clocks of nodes and of NATS may differ. */
export const CLOCKS_DIFFER_S = 2;

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
}

/** What another node says that it has; `found`: where keyframes of its edges lie aside here. */
export type Answer = Holdings & Partial<KeyframesFound>;

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
function rivalsAt({ node, terms, forgotten, nodes }: AsideOf, at: number): string[] {
  const own = terms.findLastIndex(({ createdS, placement }) => placement?.node === node && !placement.from && createdS <= at - CLOCKS_DIFFER_S);
  if (own < 0 && forgotten) return nodes.filter((id) => id !== node);
  return terms.flatMap(({ createdS, placement }, index) => (index > own && placement && !placement.from && placement.node !== node && createdS <= at + CLOCKS_DIFFER_S ? [placement.node] : []));
}

/** By the clock of this node: what that one may have, and from when on it may have more. */
interface Held { readonly recorded: readonly SiteSpan[]; readonly aside: readonly SiteSpan[]; readonly settled: number }

/** Where a keyframe of an edge is known here, that edge is there, to a picture; else what clocks may differ by lies on both sides. */
function heldOf({ recorded, aside, settled, firsts = [], lasts = [], found = [] }: Answer): Held {
  const place = (keyframe: { readonly picture: string; readonly at: number } | undefined): KeyframesFound['found'][number] | undefined => found.find(({ keyframe: { picture, at } }) => picture === keyframe?.picture && at === keyframe.at);
  const spans = recorded.map(({ start, end }): SiteSpan => {
    const first = place(firsts.find(({ at }) => Math.abs(at - start) < ROUNDING_S));
    const last = place(lasts.findLast(({ at }) => at > start - ROUNDING_S && at < end));
    const known = first ?? last;
    const aheadS = known ? known.start - known.keyframe.at : 0;
    return { start: first ? first.start + ROUNDING_S : start + aheadS - CLOCKS_DIFFER_S, end: last && last.next !== null ? last.next - ROUNDING_S : end + aheadS + CLOCKS_DIFFER_S };
  });
  return { recorded: spans, aside: aside.map(({ start, end }) => ({ start: start - CLOCKS_DIFFER_S, end: end + CLOCKS_DIFFER_S })), settled: settled - CLOCKS_DIFFER_S };
}

function fateAt(at: number, held: Held | undefined): Fate {
  if (!held) return 'wait';
  const has = (spans: readonly SiteSpan[]): boolean => spans.some(({ start, end }) => at >= start && at < end);
  return has(held.recorded) ? 'delete' : has(held.aside) || at >= held.settled ? 'wait' : 'claim';
}

/** Within each everything is the same; `at`: some instant in it. */
function pieces({ start, end, terms }: AsideOf, held: readonly Held[]): { readonly start: number; readonly end: number; readonly at: number }[] {
  const bounds = [
    ...terms.flatMap(({ createdS }) => [createdS - CLOCKS_DIFFER_S, createdS + CLOCKS_DIFFER_S]),
    ...held.flatMap(({ recorded, aside, settled }) => [settled, ...[...recorded, ...aside].flatMap((span) => [span.start, span.end])]),
  ].filter((bound) => bound > start && bound < end);
  const sorted = [start, ...new Set(bounds.sort((a, b) => a - b)), end];
  return sorted.slice(1).flatMap((to, index) => (to > sorted[index]! ? [{ start: sorted[index]!, end: to, at: (sorted[index]! + to) / 2 }] : []));
}
