// Looks at a camera from the node of the site that has it, or may have it: that node's server is asked, with the right of who asks. A password that was given with an
// address goes from server to server alone; those that the site keeps are opened by the node that looks.
import { ProbeReport, RuthError, validator, type CameraProbe, type SiteLabels, type SitePlacing } from '@ruth/protocol';
import type { FastifyRequest } from 'fastify';
import type { Upstream } from '../upstream.ts';
import type { CamerasOfSite } from './cameras-of-site.ts';
import type { NodesOfSite } from './nodes-of-site.ts';
import type { OtherNodes } from './other-nodes.ts';
import type { Site, SiteMap } from './site.ts';

const probeReport = validator(ProbeReport);
/** A stream whose keyframes are rare is watched for long. */
const PROBE_TIMEOUT_MS = 150_000;
/** Nodes that are tried where the first ones cannot be asked. */
const MOST_TRIED = 3;

export interface ProbesOfSiteParts { readonly site: Site; readonly others: OtherNodes; readonly nodes: NodesOfSite; readonly cameras: CamerasOfSite; readonly fleet: Upstream }

export class ProbesOfSite {
  readonly #parts: ProbesOfSiteParts;

  constructor(parts: ProbesOfSiteParts) { this.#parts = parts; }

  /** `here`: looks from this node, at an address or a camera of its own. Throws what the looking throws; `invalid_state` where no node may have such a camera, `node_away` where none that may can be asked. */
  async probe(request: FastifyRequest, { site: placing, ...probe }: CameraProbe, here: (probe: CameraProbe) => Promise<ProbeReport>): Promise<ProbeReport> {
    const { site, others, cameras } = this.#parts;
    const ofSite = probe.camera_id !== undefined && await cameras.has(probe.camera_id);
    const lookHere = (): Promise<ProbeReport> => (ofSite ? this.#ofSiteHere(probe) : here(probe));
    // What another server passed on is for this node.
    const map = await site.mapFor(request);
    if (!map) return lookHere();
    const nodes = await this.#nodesFor(map, probe, ofSite ? (await cameras.get(probe.camera_id!)).site! : placing);
    let away: unknown;
    for (const id of nodes.slice(0, MOST_TRIED)) {
      const node = map.node(id);
      try {
        return { ...await (node === null ? lookHere() : others.post(node, request, '/api/v1/cameras/probe', probe, probeReport, PROBE_TIMEOUT_MS)), node: id };
      } catch (cause) {
        if (RuthError.from(cause).code !== 'node_away') throw cause;
        away ??= cause;
      }
    }
    throw away;
  }

  #ofSiteHere({ camera_id: id, url: _, ...how }: CameraProbe): Promise<ProbeReport> { return this.#parts.fleet.send('POST', `/v1/site/cameras/${id!}/probe`, how, probeReport, PROBE_TIMEOUT_MS); }

  /** The best first; at least one. */
  async #nodesFor(map: SiteMap, { camera_id: camera }: CameraProbe, placing: SitePlacing | undefined): Promise<string[]> {
    const holder = camera === undefined ? null : map.nodeOf(camera)?.id ?? (map.unplaced.includes(camera) ? null : map.view.node);
    if (placing === undefined) return [holder ?? map.view.node];
    const { require = {}, prefer = {} } = placing;
    const details = await this.#parts.nodes.details();
    const fitting = Object.entries(map.view.nodes).filter(([id, { state }]) => (state === 'lives' || state === 'unknown') && has(details[id]?.labels, require)).map(([id]) => id);
    const rank = (id: string): number => (id === holder ? 4 : 0) + (has(details[id]?.labels, prefer) ? 2 : 0) + (id === map.view.node ? 1 : 0);
    if (fitting.length === 0) throw new RuthError('invalid_state', `no node that lives has the labels ${Object.entries(require).map(([key, label]) => `${key}=${label}`).join(', ') || 'that it requires'}: nobody can look at the camera`);
    return fitting.toSorted((one, other) => rank(other) - rank(one) || (one < other ? -1 : 1));
  }
}

const has = (labels: SiteLabels | undefined, asked: SiteLabels): boolean => Object.entries(asked).every(([key, label]) => labels?.[key] === label);
