// Recordings of a camera that several nodes have had: what each of them has, as one; and which of them has an instant.
import { Keyframes, RuthError, Timeline, validator, type TimelineAway, type Validator } from '@ruth/protocol';
import type { FastifyRequest } from 'fastify';
import type { Upstream } from '../upstream.ts';
import { joinPlaylists } from './joined-playlist.ts';
import { joinKeyframes, joinTimelines } from './joined-timeline.ts';
import type { OtherNodes } from './other-nodes.ts';
import { toldAway, type SiteMap, type SiteNodeInfo } from './site.ts';

type Holder = SiteNodeInfo | null;
interface Asked<T> { readonly parts: readonly { readonly holder: Holder; readonly value: T }[]; readonly away: readonly { readonly node: SiteNodeInfo; readonly error: RuthError }[] }

/** Codes by which a node says that it has nothing of what was asked for. */
const HAS_NONE = ['camera_not_found', 'not_recorded', 'recording_off'];
const AROUND_S = 1;
const timelines = validator(Timeline);
const keyframesOf = validator(Keyframes);

export class RecordingsOfSite {
  readonly #kernel: Upstream;
  readonly #others: OtherNodes;

  constructor(kernel: Upstream, others: OtherNodes) {
    this.#kernel = kernel;
    this.#others = others;
  }

  /** The union. Throws `node_away` where no node that is there has anything. */
  async timeline(map: SiteMap, request: FastifyRequest, camera: string): Promise<Timeline> {
    const { parts, away } = await this.#askAll(map, request, camera, request.url, timelines);
    return joinTimelines(parts.map(({ holder, value }) => ({ node: holder?.id ?? map.view.node, timeline: value })), away.map(({ node, error }): TimelineAway => toldAway(node, error)));
  }

  async keyframes(map: SiteMap, request: FastifyRequest, camera: string): Promise<Keyframes> {
    return joinKeyframes((await this.#askAll(map, request, camera, request.url, keyframesOf)).parts.map(({ value }) => value));
  }

  async playlist(map: SiteMap, request: FastifyRequest, camera: string): Promise<string> {
    const { parts } = await this.#askAll<string>(map, request, camera, request.url, null);
    return joinPlaylists(parts.map(({ holder, value }) => ({ node: holder?.id ?? map.view.node, text: value })));
  }

  /** Who has that instant, or else what is nearest to it. Null: this node. Throws `node_away` where it may lie on one that is away, and nobody else has it. */
  async holderAt(map: SiteMap, request: FastifyRequest, camera: string, atS: number): Promise<Holder> {
    const { parts, away } = await this.#around(map, request, camera, atS - AROUND_S, atS + AROUND_S);
    const holding = parts.find(({ value: { spans } }) => spans.some(({ start, end }) => start <= atS && atS < end)) ?? parts.find(({ value: { spans } }) => spans.length > 0);
    if (holding) return holding.holder;
    if (away.length > 0) throw away[0]!.error;
    return map.nodeOf(camera);
  }

  /** The one that has the whole of it, as far as it is recorded. Throws `bad_request` where it lies on several. */
  async holderOf(map: SiteMap, request: FastifyRequest, camera: string, startS: number, endS: number): Promise<Holder> {
    const { parts, away } = await this.#around(map, request, camera, startS, endS);
    const holding = parts.filter(({ value: { spans } }) => spans.length > 0);
    if (holding.length > 1) {
      const pieces = holding.map(({ holder, value: { spans } }) => `${holder?.id ?? map.view.node} has ${spans[0]!.start.toFixed(3)} to ${spans.at(-1)!.end.toFixed(3)}`);
      throw new RuthError('bad_request', `this span lies on several nodes (${pieces.join(', ')}): ask for each part by itself`);
    }
    if (away.length > 0 && holding.length === 0) throw away[0]!.error;
    return holding.length === 1 ? holding[0]!.holder : map.nodeOf(camera);
  }

  #around(map: SiteMap, request: FastifyRequest, camera: string, startS: number, endS: number): Promise<Asked<Timeline>> {
    return this.#askAll(map, request, camera, `/api/v1/cameras/${camera}/timeline?start=${Math.max(0, startS).toFixed(3)}&end=${endS.toFixed(3)}`, timelines);
  }

  /** Null as `schema`: as text. Throws what all say, where none has anything. */
  async #askAll<T>(map: SiteMap, request: FastifyRequest, camera: string, path: string, schema: Validator<T> | null): Promise<Asked<T>> {
    const answers = await Promise.all(map.holdersOf(camera).map(async (holder) => {
      const asked = holder === null ? this.#askHere<T>(path, schema) : schema === null ? this.#others.text(holder, request, path) as Promise<T> : this.#others.get(holder, request, path, schema);
      return asked.then((value) => ({ holder, value }), (cause: unknown) => ({ holder, error: RuthError.from(cause) }));
    }));
    const parts = answers.filter((answer) => 'value' in answer);
    const failed = answers.filter((answer) => 'error' in answer);
    const broken = failed.find(({ error: { code } }) => code !== 'node_away' && !HAS_NONE.includes(code));
    if (broken) throw broken.error;
    const away = failed.flatMap(({ holder, error }) => (holder !== null && error.code === 'node_away' ? [{ node: holder, error }] : []));
    if (parts.length === 0) throw away[0]?.error ?? failed[0]!.error;
    return { parts, away };
  }

  async #askHere<T>(path: string, schema: Validator<T> | null): Promise<T> {
    const here = path.slice('/api'.length);
    return schema === null ? (await this.#kernel.bytes(here)).toString() as T : this.#kernel.get(here, schema);
  }
}
