// Contract 5, a site of many nodes: what stands in JetStream, and how a node's kernel is told which cameras are its own, and until when.
import Type, { type Static } from 'typebox';
import { CameraConfig } from './config.ts';
import { CoreEvent, KernelEvent } from './events.ts';
import { CameraIntent } from './intent.ts';
import { ID_PATTERN } from './ids.ts';
import { UnclaimedFiles } from './recording.ts';
import { ServerUrl, SiteLabels } from './site-config.ts';

const strict = { additionalProperties: false } as const;
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const Id = Type.String({ pattern: ID_PATTERN });
const Cores = Type.Number({ minimum: 0, maximum: 4096 });

/** A lease: it begins with its first renewal, and one that ended never goes on. */
const Incarnation = Type.String({ pattern: '^[0-9a-f-]{8,64}$' });

/** Names a key of the site, and tells nothing of it. */
const KeyId = Type.String({ pattern: '^[0-9a-f]{8}$' });

/**
 * Where the recording of a camera passes from one node to the next: before a keyframe. The node that leaves ends before it, the next one begins with it.
 * Two nodes get the same bytes of a picture from a camera, whatever their clocks say: by those it is known again.
 */
export const RecordingSeam = Type.Object({
  picture: Type.String({ pattern: '^[0-9a-f]{32}$', description: 'The first 16 bytes of the SHA-256 of the keyframe\'s coded slices' }),
  at: Type.Number({ minimum: 0, description: 'When that keyframe was, by the clock of the node that leaves; UTC, seconds' }),
}, strict);
export type RecordingSeam = Static<typeof RecordingSeam>;

/** By how much one clock is ahead of another one, seconds. */
export const SiteClock = Type.Object({ ahead_s: Type.Number(), within_s: Type.Number({ minimum: 0, description: 'By so much that may be wrong, as the answer was under way so long' }) }, strict);
export type SiteClock = Static<typeof SiteClock>;

/** By so much the clocks of nodes and of NATS may differ: beyond it, more than is needed stays aside. */
export const CLOCKS_DIFFER_S = 2;

/** Whether a clock is to be put right: said before it does harm. */
export const isClockOff = ({ ahead_s: aheadS, within_s: withinS }: SiteClock): boolean => Math.abs(aheadS) - withinS > CLOCKS_DIFFER_S / 2;

/** State of a camera of a node from which nothing has come there for a minute: another node may try. */
export const UNREACHABLE = 'unreachable';

/** KV ruth_site, `node.<id>`: written by that node every two seconds, and once more by whoever ends its lease. */
export const SiteNode = Type.Object({
  incarnation: Incarnation, revoked: Type.Boolean({ description: 'The lease was ended by the leader, which saw no renewal' }),
  machine: Type.String({ maxLength: 128, description: 'Tells a node that began anew from another one of the same name' }),
  labels: SiteLabels, capacity_cores: Cores, draining: Type.Boolean({ description: 'Its cameras are to go to other nodes' }),
  applied: Type.Integer({ minimum: 0, description: 'Revision of its `of.<node>` that it acts on: what that does not name any more, it does not record any more' }),
  cameras: Type.Record(Id, Type.Object({ state: Type.String(), cost_cores: Nullable(Cores) }), { description: 'Those that it holds; state `unreachable`: nothing comes from there' }),
  refused: Type.Record(Id, Type.String({ maxLength: 500 }), { description: 'Those that it cannot take, and why' }),
  refused_settings: Type.Optional(Type.Record(Id, Type.Integer({ minimum: 1 }), { description: 'Revisions in ruth_cameras of those: another one may do' })),
  server_url: Type.Optional(ServerUrl),
  own: Type.Optional(Type.Array(Id, { maxItems: 1024, description: 'Cameras of its own ruth.yaml, which it holds whatever the site says' })),
  recorded: Type.Optional(Type.Array(Id, { maxItems: 4096, description: 'Cameras of which it has recordings, be they here still or not' })),
  key_ids: Type.Optional(Type.Array(KeyId, { maxItems: 16, description: 'Keys of the site that it has, the one first that seals' })),
  held: Type.Optional(Type.Record(Id, Type.Integer({ minimum: 1 }), { description: 'Cameras of which it is the next node: their pictures come and are held back; and in which terms' })),
  left: Type.Optional(Type.Record(Id, Type.Object({ term: Type.Integer({ minimum: 1 }), seam: Nullable(RecordingSeam) }, strict), { description: 'Cameras that it records no more under that term, nor ever will; null where nobody can say at which picture it ended' })),
  unclaimed: Type.Optional(UnclaimedFiles),
  clock: Type.Optional({ ...SiteClock, description: 'Its clock against that of NATS' }),
}, strict);
export type SiteNode = Static<typeof SiteNode>;

/** KV ruth_leader, `leader` */
export const SiteLeader = Type.Object({
  node: Id, incarnation: Incarnation, deputies: Type.Array(Id, { maxItems: 16, description: 'Nodes that look on, so that one of them can go on at once' }),
}, strict);
export type SiteLeader = Static<typeof SiteLeader>;

/** KV ruth_drains, `<node>`: there while the node is to have no cameras. */
export const SiteDrain = Type.Object({
  since: Type.Number({ description: 'UTC, seconds' }), cameras: Type.Optional(Type.Integer({ minimum: 0, description: 'Of the site, that it had then' })),
  until_start: Type.Optional(Type.Boolean({ description: 'The node takes it back when its processes start: it was drained to be ended' })),
}, strict);
export type SiteDrain = Static<typeof SiteDrain>;

/** KV ruth_cameras, `<camera>`: a camera that any node may have. */
export const SiteCamera = Type.Object({
  camera: CameraConfig, intent: Type.Optional(CameraIntent),
  require: Type.Optional(SiteLabels), prefer: Type.Optional(SiteLabels), cost_cores: Type.Optional(Cores),
  single_connection: Type.Optional(Type.Boolean({ description: 'It serves one connection alone: where it moves to another node, that one connects when the first has let go, and some seconds are missing' })),
}, { ...strict, description: 'A camera of the site' });
export type SiteCamera = Static<typeof SiteCamera>;

/** Nodes that are remembered for a camera: where its recordings lie. */
export const MOST_BEFORE = 4;

/** KV ruth_placement, `camera.<id>`; its revision is the term. */
export const CameraPlacement = Type.Object({
  node: Id, incarnation: Incarnation,
  from: Type.Optional(Type.Object({ node: Id, incarnation: Incarnation, term: Type.Integer({ minimum: 1 }) }, { ...strict, description: 'That one records it still, under that term; `node` is the next one, and records nothing yet' })),
  seam: Type.Optional(RecordingSeam),
  before: Type.Optional(Type.Array(Id, { maxItems: MOST_BEFORE, description: 'Nodes that had it before, the last one first' })),
}, strict);
export type CameraPlacement = Static<typeof CameraPlacement>;

/** KV ruth_placement, `of.<node>`: what to look up, and in which revisions. */
export const NodePlacement = Type.Object({
  cameras: Type.Record(Id, Type.Object({
    term: Type.Integer({ minimum: 1 }), settings: Type.Integer({ minimum: 1, description: 'Revision of the camera in ruth_cameras' }),
    move: Type.Optional(Type.Enum(['next', 'stays', 'leaves'], { description: '`next`: its pictures are to be held back until the other node has left. `stays`: another node is being made ready, and this one records on. `leaves`: recording ends at the next keyframe' })),
  }, strict)),
}, strict);
export type NodePlacement = Static<typeof NodePlacement>;

/** A message of the stream ruth_events, subject `ruth.events.<node>`: one event of one node. Node, source, epoch and the event's id are its name, as `Nats-Msg-Id` and in the database. */
export const SiteEvent = Type.Object({
  node: Id, source: Type.Enum(['core', 'kernel'], { description: 'Whose `event.id` it is' }),
  epoch: Type.Integer({ minimum: 0, description: 'Grows where the ids of the source began anew' }),
  event: Type.Union([...CoreEvent.anyOf, ...KernelEvent.anyOf], { description: 'As it was emitted' }),
}, { description: 'An event of a node of the site' });
export type SiteEvent = Static<typeof SiteEvent>;

/** The most events that are told at once. */
export const SITE_EVENTS_AT_ONCE = 512;

/** GET /v1/site-events of the outbox: what the site's stream holds after a position, in its order. `?stream=&after=` is where who asks is; without it, only where the stream is now. */
export const SiteEventBatch = Type.Object({
  stream: Type.Integer({ minimum: 0, description: 'When the stream was made, UTC milliseconds: positions count within it alone' }),
  position: Type.Integer({ minimum: 0, description: 'Up to which message these go' }),
  newest: Type.Integer({ minimum: 0, description: 'Position of the newest message there is' }),
  missed: Type.Integer({ minimum: 0, description: 'Messages that the stream had let go before they were asked for' }),
  waiting: Type.Integer({ minimum: 0, description: 'Events of this node that the stream does not have yet' }),
  events: Type.Array(SiteEvent, { maxItems: SITE_EVENTS_AT_ONCE }),
}, strict);
export type SiteEventBatch = Static<typeof SiteEventBatch>;

/** KV ruth_site, `outbox.<node>`: what of its events the site does not have; written where it changes, every ten seconds at most. */
export const SiteOutbox = Type.Object({
  waiting: Type.Integer({ minimum: 0, description: 'Events' }), oldest_age_s: Type.Number({ minimum: 0 }),
  dropped: Type.Integer({ minimum: 0, description: 'Events that were let go because too many waited for too long, since the outbox was made' }),
}, strict);
export type SiteOutbox = Static<typeof SiteOutbox>;

/** When so little is left of a lease, the next keyframe begins a file that is aside: nothing is missed between. One that is renewed never gets so short. */
export const ASIDE_BEFORE_END_S = 4;

/** PUT /v1/placement of the kernel: all cameras that the site has given to this node, which are recorded until then and no longer in its index. */
export const PlacementLease = Type.Object({
  incarnation: Incarnation, until_s: Type.Number({ description: 'Seconds since this machine booted, which all its processes count alike' }), 
  cameras: Type.Array(CameraConfig, { maxItems: 1024 }),
  aside: Type.Optional(Type.Array(Id, { maxItems: 1024, description: 'Cameras that stay, though the lease is none of theirs: recorded aside, for nobody knows yet who has them' })),
  next: Type.Optional(Type.Array(CameraConfig, { maxItems: 1024, description: 'Cameras that another node records still: connected, and their pictures held back' })),
  leave: Type.Optional(Type.Array(Id, { maxItems: 1024, description: 'Of `cameras`: recording ends at the next keyframe, and does not begin again' })),
  seams: Type.Optional(Type.Record(Id, RecordingSeam, { description: 'Of `cameras`: where what is held back becomes the recording' })),
}, strict);
export type PlacementLease = Static<typeof PlacementLease>;

/** GET /v1/placement of the kernel. */
export const PlacementStatus = Type.Object({
  incarnation: Nullable(Incarnation), until_s: Nullable(Type.Number()),
  cameras: Type.Record(Id, Type.Object({ state: Type.String(), cost_cores: Type.Optional(Nullable(Cores)), unreachable: Type.Optional(Type.Boolean({ description: 'Its address does not answer, or what came stopped' })) })), refused: Type.Record(Id, Type.String()),
  held: Type.Optional(Type.Array(Id, { description: 'Of `next`: pictures come, from a keyframe on' })),
  left: Type.Optional(Type.Record(Id, Nullable(RecordingSeam), { description: 'Of `leave`: recorded no more, and where that ended' })),
  own: Type.Optional(Type.Array(Id, { description: 'Cameras of this node that the site did not give it' })),
  recorded: Type.Optional(Type.Array(Id, { description: 'Cameras of which there are recordings here, or were' })),
  unclaimed: Type.Optional(Type.Record(Id, Type.Object({ from: Type.Number({ description: 'UTC, seconds' }), to: Type.Number() }), { description: 'What was recorded aside, when the lease had ended: all of it is between these' })),
  unclaimed_files: Type.Optional({ ...UnclaimedFiles, description: 'All of that, as it was half a minute ago' }),
});
export type PlacementStatus = Static<typeof PlacementStatus>;

/** Part of the recordings of a camera, UTC, seconds. */
export const SiteSpan = Type.Object({ start: Type.Number({ minimum: 0 }), end: Type.Number({ minimum: 0 }) }, strict);
export type SiteSpan = Static<typeof SiteSpan>;
const MOST_SPANS = 1024;
const Spans = (description: string) => Type.Array(SiteSpan, { maxItems: MOST_SPANS, description });

/** POST /v1/placement/claim of the kernel: what becomes of that which was recorded aside of a camera. What neither list has stays aside. */
export const ClaimRequest = Type.Object({
  camera: Id, claim: Spans('No other node has it: it becomes part of the recordings'), delete: Spans('Another node has recorded it: what lies aside of it is deleted'),
}, strict);
export type ClaimRequest = Static<typeof ClaimRequest>;

export const ClaimResult = Type.Object({
  claimed_s: Type.Number({ minimum: 0, description: 'Seconds that are part of the recordings now' }), deleted_files: Type.Integer({ minimum: 0, description: 'Of which nothing was claimed' }),
  left_files: Type.Integer({ minimum: 0, description: 'Aside still: being written, or not decided' }),
});
export type ClaimResult = Static<typeof ClaimResult>;

/** POST /v1/placement/holdings of the kernel, and `ruth.holdings.<node>` in NATS: asked by a node that recorded the camera aside meanwhile. */
export const HoldingsRequest = Type.Object({ camera: Id, start: Type.Number({ minimum: 0 }), end: Type.Number({ minimum: 0 }) }, strict);
export type HoldingsRequest = Static<typeof HoldingsRequest>;

export const MOST_EDGES = 128;
const Keyframes = (description: string) => Type.Array(RecordingSeam, { maxItems: MOST_EDGES, description });

/** What a node has of that time. Spans with less than a tenth of a second between are told as one. */
export const Holdings = Type.Object({
  recorded: Spans('Among its recordings'), aside: Spans('Recorded aside, and for that node to claim'),
  firsts: Type.Optional(Keyframes('Keyframes with which spans of `recorded` begin, as far as they are known')),
  lasts: Type.Optional(Keyframes('The last keyframe of spans of `recorded` that end in that time')),
  clock: Type.Optional(Type.Object({
    asked: Type.Number({ minimum: 0 }), answered: Type.Number({ minimum: 0 }), set_s: Type.Number({ minimum: 0, description: 'It was set by so much since the time that was asked for' }),
  }, { description: 'When the question came and the answer went, by the clock of that node' })),
  settled: Type.Number({ minimum: 0, description: 'UTC, seconds: it has nothing else that is older, nor ever will, but of what lies aside' }),
});
export type Holdings = Static<typeof Holdings>;
export const MOST_HELD_SPANS = MOST_SPANS;

/** POST /v1/placement/keyframes of the kernel: which of these lie aside here. `at`: when each was, as far as anybody knows. */
export const KeyframesRequest = Type.Object({ camera: Id, keyframes: Keyframes('Where recordings of another node begin or end') }, strict);
export type KeyframesRequest = Static<typeof KeyframesRequest>;

/** Those that were found, by their bytes. */
export const KeyframesFound = Type.Object({
  found: Type.Array(Type.Object({
    keyframe: RecordingSeam, start: Type.Number({ minimum: 0, description: 'When it came to this node; UTC, seconds' }),
    next: Nullable(Type.Number({ minimum: 0, description: 'The keyframe after it; null where that is not there' })),
  }), { maxItems: MOST_EDGES }),
});
export type KeyframesFound = Static<typeof KeyframesFound>;

/** How the credentials of a camera lie in NATS: there are none; anybody there can read them; with the key that seals here; with an older one that is here; with one that is not here. */
export const SITE_CREDENTIALS = ['none', 'clear', 'sealed', 'older_key', 'unknown_key'] as const;
export type SiteCredentials = (typeof SITE_CREDENTIALS)[number];

/** What `ruth site status` tells. */
export const SiteStatus = Type.Object({
  leader: Nullable(Id),
  nodes: Type.Record(Id, Type.Object({ state: Type.Enum(['lives', 'draining', 'gone']), cameras: Type.Integer({ minimum: 0 }), capacity_cores: Cores, labels: SiteLabels, outbox: Nullable(SiteOutbox), unclaimed: Nullable(UnclaimedFiles), clock: Nullable(SiteClock), key_ids: Type.Array(KeyId) })),
  cameras: Type.Record(Id, Type.Object({ url: Type.String({ description: 'Without credentials' }), node: Nullable(Id), state: Type.String(), refused: Nullable(Type.String()), credentials: Type.Enum([...SITE_CREDENTIALS]) })),
  key_ids: Type.Array(KeyId, { description: 'Keys that are here, the one first that seals' }),
});
export type SiteStatus = Static<typeof SiteStatus>;

/** `unknown`: nobody can say, as this node does not hear of the others itself. */
export const SITE_NODE_STATES = ['lives', 'draining', 'away', 'unknown'] as const;

/** GET /v1/site of the fleet process: who has what, as far as this node has heard. `?known=<revision>` is answered with 204 while nothing is new. */
export const SiteView = Type.Object({
  revision: Type.Integer({ minimum: 0, description: 'Grows with each change, as long as this process lives' }),
  node: Type.String({ pattern: ID_PATTERN, description: 'This one' }),
  nodes: Type.Record(Id, Type.Object({
    state: Type.Enum([...SITE_NODE_STATES]), since: Nullable(Type.Number({ description: 'UTC, seconds: when it was heard last; null while it lives' })),
    server_url: Nullable(ServerUrl), own: Type.Array(Id), recorded: Type.Array(Id),
  })),
  cameras: Type.Record(Id, Type.Object({ node: Nullable(Id), name: Type.String(), url: Type.String({ description: 'Without credentials' }), refused: Type.Optional(Type.String({ description: 'Nodes that cannot take it, and why' })), unplaced: Type.Optional(Type.String({ description: 'Why no node that lives has it' })) }), { description: 'Those of the site, with the node that has each' }),
});
export type SiteView = Static<typeof SiteView>;

/** How far a node that is to have no cameras is with that. */
export const SiteDraining = Type.Object({
  since: Type.Number({ description: 'UTC, seconds' }), cameras: Nullable(Type.Integer({ minimum: 0, description: 'Of the site, that it had then; null where nobody counted' })),
  left: Type.Integer({ minimum: 0, description: 'That it has still' }), staying: Nullable(Type.String({ description: 'Why those that no other node can take stay; null: none does' })),
});
export type SiteDraining = Static<typeof SiteDraining>;

/** What a node of a site tells of itself, and what the site counts of it. */
export const SiteNodeDetails = Type.Object({
  leads: Type.Boolean({ description: 'It places the cameras of the site at present' }), labels: SiteLabels,
  capacity_cores: { ...Cores, description: 'What it gives to cameras of the site' },
  used_cores: Type.Number({ minimum: 0, description: 'What those that it has cost: as was stated, else measured, else 0.05 each' }), measured_cores: Type.Number({ minimum: 0, description: 'Of that, what was measured' }),
  draining: Nullable(SiteDraining),
  outbox: Nullable(Type.Object({ ...SiteOutbox.properties, told_at: Type.Number({ description: 'UTC, seconds: as of then' }) }, { description: 'Its events that the site does not have yet; null where it told nothing of them' })),
  unclaimed: Type.Optional({ ...UnclaimedFiles, description: 'What it recorded aside, without a lease, and is not among its recordings; absent: nothing' }),
  clock: Type.Optional({ ...SiteClock, description: 'Its clock against that of NATS, by which recordings are dated; absent: not known yet' }),
});
export type SiteNodeDetails = Static<typeof SiteNodeDetails>;

/** GET /v1/site/nodes of the fleet process. */
export const SiteNodesDetails = Type.Record(Id, SiteNodeDetails);
export type SiteNodesDetails = Static<typeof SiteNodesDetails>;

/** PATCH /api/v1/site/nodes/:id, and /v1/site/nodes/:id of the fleet process. */
export const SiteNodeChange = Type.Object({ draining: Type.Boolean({ description: 'Its cameras of the site go to other nodes, as far as those have room, and it gets none' }) }, { ...strict, description: 'A change of a node of a site' });
export type SiteNodeChange = Static<typeof SiteNodeChange>;

export const SiteNodeStatus = Type.Object({
  node_id: Id, state: Type.Enum([...SITE_NODE_STATES]), since: Nullable(Type.Number({ description: 'UTC, seconds: when it was heard last; null while it lives' })),
  reachable: Type.Boolean({ description: 'Its server answers this one: what it has can be seen here' }), error: Nullable(Type.String()), cameras: Type.Integer({ minimum: 0, description: 'Its own, and those of the site' }),
  own_cameras: Type.Optional(Type.Integer({ minimum: 0, description: 'Of its own ruth.yaml, which no other node takes' })),
  details: Type.Optional(Nullable({ ...SiteNodeDetails, description: 'Null where nobody could be asked for it: problem says why' })),
});
export type SiteNodeStatus = Static<typeof SiteNodeStatus>;

/** GET /api/v1/site: the nodes as this server has heard of them, and whether it can ask them. No nodes: this one is by itself; `problem` says why, where it should not be. */
export const SiteInfo = Type.Object({ node: Nullable(Id), nodes: Type.Array(SiteNodeStatus), problem: Nullable(Type.String()) });
export type SiteInfo = Static<typeof SiteInfo>;

/** Header of a list that joins what all nodes have, where some of it could not be looked at: a `NotAsked` as JSON in ASCII. Without it nothing is missing. */
export const NOT_ASKED_HEADER = 'ruth-not-asked';
/** The most parts that are named. */
export const MOST_NOT_ASKED = 16;
export const NotAsked = Type.Object({
  parts: Type.Array(Type.Object({ node: Nullable({ ...Id, description: 'Whose part is missing; null: what the site itself has, or which nodes there are' }), error: Type.String({ description: 'Why' }) }), { maxItems: MOST_NOT_ASKED }),
  more: Type.Integer({ minimum: 0, description: 'Parts that could not be asked either, and are not named' }),
}, { description: 'What is not in a list because nobody could be asked for it' });
export type NotAsked = Static<typeof NotAsked>;
