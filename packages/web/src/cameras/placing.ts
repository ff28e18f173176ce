// Which nodes of a site may have a camera: by the rules by which the site places it, from what the nodes told last.
import type { SiteInfo, SiteLabels, SitePlacing } from '@ruth/protocol';

/** Of a camera of which nothing is known yet; as the site counts. */
export const DEFAULT_COST_CORES = 0.05;

/** `why`: it does not fit; null: it does. */
export interface Fit { readonly node: string; readonly why: string | null }

export const labelText = ([key, label]: readonly [string, string]): string => `${key}=${label}`;

/** All that nodes have, once each. */
export const labelsOf = ({ nodes }: SiteInfo): string[] => [...new Set(nodes.flatMap(({ details }) => Object.entries(details?.labels ?? {}).map(labelText)))].toSorted();

/** Null where it is none. */
export function parseLabel(text: string): [key: string, label: string] | null {
  const [, key, label] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,62})=(.{1,63})$/.exec(text.trim()) ?? [];
  return key === undefined || label === undefined ? null : [key, label];
}

/** `measured`: what it took where it ran last. `at`: where it is, which has room for it. */
export function fitsOf({ require = {}, cost_cores: stated }: SitePlacing, { nodes }: SiteInfo, { measured = null, at = null }: { measured?: number | null; at?: string | null } = {}): Fit[] {
  const cost = stated ?? measured ?? DEFAULT_COST_CORES;
  return nodes.map(({ node_id: node, state, details }) => {
    if (state === 'away') return { node, why: 'is away' };
    if (!details) return { node, why: 'tells nothing of itself' };
    const lacking = lacks(details.labels, require);
    if (lacking.length > 0) return { node, why: `lacks ${lacking.join(', ')}` };
    if (details.draining) return { node, why: 'is being drained' };
    const room = details.capacity_cores - details.used_cores;
    return { node, why: node === at || room >= cost ? null : `has ${Math.max(0, room).toFixed(2)} cores to spare, and it takes ${cost}` };
  });
}

const lacks = (labels: SiteLabels, asked: SiteLabels): string[] => Object.entries(asked).filter(([key, label]) => labels[key] !== label).map(labelText);
