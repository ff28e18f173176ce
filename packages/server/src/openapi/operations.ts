// What each route of the API is, for who reads about it: in words, what it takes, and what it answers. The schemas are those that check requests, by
// identity: a route that checks by another one than it tells of keeps the server from starting (openapi.ts).
import {
  AuditEntry, AuditQuery, CameraIntentUpdate, CameraProbe, CameraRemoval, CameraSearch, CameraStatus, CameraUpdate, ClipRequest, CopiesStatus, CreatedToken, DeadLetterInfo, DeliveryStatus, DiscoveredDevice, EventCountQuery, EventCounts, EventPage, EventQuery, LiveQuery,
  ExportRequest, ExportStatus, ID_PATTERN, KeepRequest, Keyframes, LiveStreamQuery, Look, LookLatencies, ModelJob, ModelJobRequest, ModelStatus, ModelUpload, ModelUploadQuery, NewCamera, NewToken, NewUser, NodeCamera, OfferedModel, PasswordChange, PipeListener, PipeQuery, ProbeReport, RecordedAnswer, RecordedQuery, RuleTest, RuleTestRequest, SceneConfig, SeenMarks, SessionInfo, SignInRequest, SignInWays, StorageStatus,
  SiteInfo, SiteNodeChange, StoredEvent, SubscriptionStatus, SupervisedModel, SupervisedProcessStatus, SystemHealth, SystemStatus, Timeline, TokenInfo, TrackPage, TrackQuery, UserChange, UserInfo, Verification, VerificationRequest,
} from '@ruth/protocol';
import Type from 'typebox';

export interface Operation {
  readonly summary: string;
  readonly body?: Type.TSchema;
  readonly query?: Type.TObject;
  /** Media type of a body that is no JSON. */
  readonly takes?: string;
  /** A schema; a media type; null: nothing is answered but that it is done. */
  readonly answer: Type.TSchema | string | null;
  /** Where it is another than 200, or 204 where nothing is answered. */
  readonly status?: number;
  /** A list of what all nodes of a site have: a header says what is missing in it. */
  readonly joins?: true;
}

const JPEG = 'image/jpeg';
const MP4 = 'video/mp4';
const SOCKET = 'websocket';
const time = Type.Number({ minimum: 0, description: 'UTC, seconds' });
const span = Type.Object({ start: time, end: time });
const listOf = <S extends Type.TSchema>(schema: S) => Type.Array(schema);

/** GET /api/v1/detections/latest */
export const LatestQuery = Type.Object({ camera: Type.String({ pattern: ID_PATTERN }) });

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /api/v1/openapi.json': { summary: 'This description', answer: Type.Unknown() },
  'GET /api/v1/health': { summary: 'How each part of the node is', answer: SystemHealth },
  'GET /api/v1/session/ways': { summary: 'How people can sign in', answer: SignInWays },
  'GET /api/v1/session/oidc': { summary: 'Sends a browser to the OpenID Connect provider', answer: null, status: 302 },
  'GET /api/v1/session/oidc/callback': { summary: 'Where the provider sends it back', answer: 'text/html' },
  'POST /api/v1/session': { summary: 'Signs in: by name and password, or by a link that works once', body: SignInRequest, answer: SessionInfo },
  'GET /api/v1/session': { summary: 'Who asks', answer: SessionInfo },
  'DELETE /api/v1/session': { summary: 'Signs out', answer: null },
  'PUT /api/v1/session/password': { summary: 'Sets one\'s own password', body: PasswordChange, answer: null },
  'GET /api/v1/cameras': { summary: 'How each camera is', answer: listOf(CameraStatus), joins: true },
  'POST /api/v1/cameras': { summary: 'Adds a camera: of this node, or, with site, one of which the site decides where it is', body: NewCamera, answer: NodeCamera, status: 201 },
  'PATCH /api/v1/cameras/:id': { summary: 'Changes a camera: what is given is set, null takes a key away; one of the site in the revision that its settings tell', body: CameraUpdate, answer: NodeCamera },
  'DELETE /api/v1/cameras/:id': { summary: 'Removes a camera; what it recorded stays; one of the site in the revision that its settings tell', query: CameraRemoval, answer: null },
  'GET /api/v1/camera-settings': { summary: 'Settings of each camera, and what shall be at it', answer: listOf(NodeCamera), joins: true },
  'GET /api/v1/cameras/:id/settings': { summary: 'Settings of a camera, and what shall be at it', answer: NodeCamera },
  'PATCH /api/v1/cameras/:id/intent': { summary: 'Sets scene, rules or subscriptions of a camera, each whole', body: CameraIntentUpdate, answer: NodeCamera },
  'POST /api/v1/cameras/:id/rules/test': { summary: 'What rules would have said of the last hour; nothing is stored or told', body: RuleTestRequest, answer: RuleTest },
  'POST /api/v1/cameras/probe': { summary: 'Reads a camera for some seconds and says what it sends, with advice; of a site, from the node that has it, or may have it', body: CameraProbe, answer: ProbeReport },
  'POST /api/v1/cameras/discover': { summary: 'Finds ONVIF cameras in the network', body: CameraSearch, answer: listOf(DiscoveredDevice) },
  'GET /api/v1/cameras/:id/scene': { summary: 'Zones, lines and masks of a camera, as core has them', answer: SceneConfig },
  'GET /api/v1/models': { summary: 'Models that core knows: tasks, classes, state', answer: listOf(ModelStatus) },
  'GET /api/v1/models/installed': { summary: 'Models that lie on the node: what runs, what is broken and why', answer: listOf(SupervisedModel) },
  'GET /api/v1/models/offered': { summary: 'Models that are one job away', answer: listOf(OfferedModel) },
  'GET /api/v1/models/:id/preview.jpg': { summary: 'What a model saw when it was tried', answer: JPEG },
  'POST /api/v1/models/:id/enable': { summary: 'Switches a model on', answer: null },
  'POST /api/v1/models/:id/disable': { summary: 'Switches a model off', answer: null },
  'POST /api/v1/models/:id/rollback': { summary: 'Puts the version back that served before', answer: null },
  'DELETE /api/v1/models/:id': { summary: 'Takes a model out of the node; its folder stays', answer: null },
  'GET /api/v1/model-jobs': { summary: 'Models that are, or were lately, tried', answer: listOf(ModelJob) },
  'POST /api/v1/model-jobs': { summary: 'Tries a model: adds it, swaps it, or compares it', body: ModelJobRequest, answer: ModelJob, status: 202 },
  'GET /api/v1/model-jobs/:id': { summary: 'How far a job is, and what came of it', answer: ModelJob },
  'DELETE /api/v1/model-jobs/:id': { summary: 'Cancels a job, or forgets one that has ended', answer: null },
  'GET /api/v1/model-jobs/:id/picture.jpg': { summary: 'What the model saw, or where both disagree most', answer: JPEG },
  'POST /api/v1/model-uploads': { summary: 'Sends an ONNX file, which a job may then name as its source', query: ModelUploadQuery, takes: 'application/octet-stream', answer: ModelUpload, status: 201 },
  'DELETE /api/v1/model-uploads/:id': { summary: 'Removes a file that was sent and is not being tried', answer: null },
  'GET /api/v1/subscriptions': { summary: 'Which model looks at which camera: desired and achieved rate, latency, drops by cause', answer: listOf(SubscriptionStatus), joins: true },
  'GET /api/v1/processes': { summary: 'Processes of the node: state, restarts, why they ended', answer: listOf(SupervisedProcessStatus) },
  'GET /api/v1/system': { summary: 'Versions, the machine, and how many more cameras it carries', answer: SystemStatus },
  'GET /api/v1/site': { summary: 'The nodes of the site: which live, which are away and since when, which this server can ask, what each gives and is used for', answer: SiteInfo },
  'PATCH /api/v1/site/nodes/:id': { summary: 'Has other nodes take the cameras of a node, or gives it cameras again', body: SiteNodeChange, answer: null },
  'GET /api/v1/latencies': { summary: 'Where the time of looks goes: a histogram for each model and stage, since core started', answer: LookLatencies },
  'GET /api/v1/copies': { summary: 'How far the copies of kept recordings are, in the bucket that ruth.yaml names', answer: CopiesStatus },
  'GET /api/v1/storage': { summary: 'How the disk of the recordings is', answer: StorageStatus },
  'GET /api/v1/detections/latest': { summary: 'The newest look of each model at a camera', query: LatestQuery, answer: listOf(Look) },
  'GET /api/v1/live': { summary: 'Looks and events as they come, of all nodes of a site; first, who comes back gets what came since', query: LiveQuery, answer: SOCKET },
  'GET /api/v1/events': { summary: 'Stored events, newest first, in pages that do not shift', query: EventQuery, answer: EventPage },
  'GET /api/v1/events/counts': { summary: 'How many events there were, by hour', query: EventCountQuery, answer: EventCounts },
  'GET /api/v1/events/:id': { summary: 'A stored event', answer: StoredEvent },
  'PUT /api/v1/events/:id/seen': { summary: 'Marks an event as seen by who asks', answer: null },
  'DELETE /api/v1/events/:id/seen': { summary: 'Takes that mark back', answer: null },
  'POST /api/v1/events/seen': { summary: 'Marks several events as seen, or all up to an instant', body: SeenMarks, answer: null },
  'POST /api/v1/recorded': { summary: 'Whether the recordings of instants are (still) there', body: RecordedQuery, answer: RecordedAnswer },
  'GET /api/v1/tracks': { summary: 'Stored tracks, newest first', query: TrackQuery, answer: TrackPage },
  'GET /api/v1/cameras/:id/live': { summary: 'Live video as fragmented MP4, of the main or the smaller stream', query: LiveStreamQuery, answer: SOCKET },
  'GET /api/v1/cameras/:id/webrtc': { summary: 'Signalling of the console\'s WebRTC', answer: SOCKET },
  'GET /api/v1/cameras/:id/pipe': { summary: 'Between servers of a site: a camera over one pipe, for all who watch at another node', query: PipeQuery, answer: SOCKET },
  'GET /api/v1/pipes/:id': { summary: 'Between servers of a site: where a pipe of this node listens', answer: PipeListener },
  'POST /api/v1/cameras/:id/whep': { summary: 'Live video over WebRTC: a WHEP offer', answer: 'application/sdp', status: 201 },
  'OPTIONS /api/v1/cameras/:id/whep': { summary: 'What WHEP takes', answer: null },
  'PATCH /api/v1/cameras/:id/whep/:session': { summary: 'Candidates of a WHEP session', answer: null },
  'DELETE /api/v1/cameras/:id/whep/:session': { summary: 'Ends a WHEP session', answer: null },
  'GET /api/v1/cameras/:id/timeline': { summary: 'What of a span is recorded, and why the rest is not', query: span, answer: Timeline },
  'GET /api/v1/cameras/:id/keyframes': { summary: 'Where a player can begin, nearest to an instant', query: Type.Object({ at: time }), answer: Keyframes },
  'GET /api/v1/cameras/:id/snapshot.jpg': { summary: 'A picture of now, or of a recorded instant', query: Type.Object({ at: Type.Optional(time) }), answer: JPEG },
  'GET /api/v1/cameras/:id/hls/index.m3u8': { summary: 'A span as HLS', query: span, answer: 'application/vnd.apple.mpegurl' },
  'GET /api/v1/cameras/:id/hls/:file/:name': { summary: 'What an HLS playlist names', answer: MP4 },
  'GET /api/v1/cameras/:id/segments/:name': { summary: 'A recorded file', answer: MP4 },
  'PUT /api/v1/cameras/:id/kept': { summary: 'Keeps a span from retention', body: KeepRequest, answer: null },
  'DELETE /api/v1/cameras/:id/kept': { summary: 'Lets a span go that was kept', body: KeepRequest, answer: null },
  'POST /api/v1/exports': { summary: 'A span as one MP4', body: ExportRequest, answer: ExportStatus, status: 201 },
  'POST /api/v1/clips': { summary: 'What was and will be seen around an instant, as one MP4', body: ClipRequest, answer: ExportStatus, status: 201 },
  'GET /api/v1/exports/:id': { summary: 'How far an export is', answer: ExportStatus },
  'DELETE /api/v1/exports/:id': { summary: 'Cancels or deletes an export', answer: null },
  'GET /api/v1/exports/:id/file': { summary: 'The file of an export', answer: MP4 },
  'GET /api/v1/verifications': { summary: 'How recordings were looked into lately', answer: listOf(Verification) },
  'POST /api/v1/verifications': { summary: 'Looks into every recording of cameras, in the background: what is missing, damaged, or not as it was recorded', body: VerificationRequest, answer: Verification, status: 202 },
  'GET /api/v1/verifications/:id': { summary: 'How far that is, what was found, and what to do about it', answer: Verification },
  'DELETE /api/v1/verifications/:id': { summary: 'Cancels it, or forgets one that has ended', answer: null },
  'GET /api/v1/users': { summary: 'People', answer: listOf(UserInfo) },
  'POST /api/v1/users': { summary: 'Adds somebody, with a password that works once', body: NewUser, answer: UserInfo, status: 201 },
  'PATCH /api/v1/users/:name': { summary: 'Changes somebody', body: UserChange, answer: UserInfo },
  'DELETE /api/v1/users/:name': { summary: 'Removes somebody', answer: null },
  'GET /api/v1/tokens': { summary: 'API tokens: one\'s own, or all for who administers', answer: listOf(TokenInfo) },
  'POST /api/v1/tokens': { summary: 'Makes an API token, which is shown this once', body: NewToken, answer: CreatedToken, status: 201 },
  'DELETE /api/v1/tokens/:id': { summary: 'Removes an API token', answer: null },
  'GET /api/v1/audit': { summary: 'Who saw, changed and exported what', query: AuditQuery, answer: listOf(AuditEntry) },
  'GET /api/v1/deliveries': { summary: 'How each target of notifications is doing', answer: listOf(DeliveryStatus) },
  'GET /api/v1/dead-letters': { summary: 'Events that could not be delivered', answer: listOf(DeadLetterInfo) },
  'POST /api/v1/dead-letters/:id/retry': { summary: 'Sends one again, at once', answer: null },
  'DELETE /api/v1/dead-letters/:id': { summary: 'Forgets one', answer: null },
};
