// The contracts as JSON Schema files, for editors and for other languages: `schemas/<name>.schema.json` are made from here.
import type { TSchema } from 'typebox';
import { CameraSubscriptions, DiscoveredDevice, ProbeReport, PtzRequest } from './camera-control.ts';
import { RuthConfig } from './config.ts';
import { CameraStatus, ErrorBody, LeaseGrant, LeaseRequest, LiveInit, Look, ModelStatus, ProcessHealth, SubscriptionStatus } from './control.ts';
import { CoreEvent, KernelEvent } from './events.ts';
import { SiteEvent } from './fleet.ts';
import { DescribeRequest, DescribeResponse, HealthRequest, HealthResponse, InferRequest, InferResponse } from './inference.ts';
import { Intent, IntentStatus } from './intent.ts';
import { Manifest } from './manifest.ts';
import { ClipRequest, ExportRequest, ExportStatus, KeepRequest, Keyframes, StorageStatus, Timeline } from './recording.ts';
import { AddModelRequest, ReplaceModelRequest, SupervisedModel, SupervisedProcessStatus } from './supervisor.ts';
import { SystemHealth } from './system-health.ts';
import { PipeFromReceiver, PipeFromSender } from './live-pipe.ts';
import { WebRtcFromKernel, WebRtcFromPage } from './webrtc.ts';

/** Draft 7: what yaml-language-server and most libraries read, and the draft whose tuples TypeBox writes. */
const DRAFT = 'http://json-schema.org/draft-07/schema#';
const BASE = 'https://ruth.video/schemas';

/** Schema and what it is of, by the name of its file. */
export const PUBLISHED_SCHEMAS = {
  'ruth': { schema: RuthConfig, title: 'ruth.yaml', description: 'Settings of a node: its cameras, its models, and which model looks at which camera' },
  'manifest': { schema: Manifest, title: 'model.yaml', description: 'What a model is, how pixels reach it, and how its output is read' },
  'infer-request': { schema: InferRequest, title: 'Inference request', description: 'Asks a model container about one frame, by reference' },
  'infer-response': { schema: InferResponse, title: 'Inference response', description: 'What the model saw, or why it could not look' },
  'describe-request': { schema: DescribeRequest, title: 'Describe request', description: 'Asks a model container what it is' },
  'describe-response': { schema: DescribeResponse, title: 'Describe response', description: 'What a model container is and can do' },
  'health-request': { schema: HealthRequest, title: 'Health request', description: 'Asks a model container how it is' },
  'health-response': { schema: HealthResponse, title: 'Health response', description: 'How a model container is' },
  'lease-request': { schema: LeaseRequest, title: 'Lease request', description: 'PUT /v1/leases/:lease_id of the kernel: asks for frames of a camera' },
  'lease-grant': { schema: LeaseGrant, title: 'Lease grant', description: 'Where the frames of a lease will be' },
  'camera-status': { schema: CameraStatus, title: 'Camera status', description: 'GET /v1/cameras of the kernel, each item' },
  'camera-subscriptions': { schema: CameraSubscriptions, title: 'Camera subscriptions', description: 'PUT /v1/cameras/:id of the core: which models look at a camera' },
  'intent': { schema: Intent, title: 'Intent', description: 'PUT /v1/intent of the core: what shall be at each camera' },
  'intent-status': { schema: IntentStatus, title: 'Intent status', description: 'GET /v1/intent of the core: intent beside reality' },
  'ptz-request': { schema: PtzRequest, title: 'PTZ request', description: 'POST /v1/cameras/:id/ptz of the kernel: turns a camera' },
  'probe-report': { schema: ProbeReport, title: 'Probe report', description: 'What `ruth camera probe --json` prints' },
  'discovered-device': { schema: DiscoveredDevice, title: 'Discovered device', description: 'What `ruth camera discover --json` prints, each item' },
  'live-init': { schema: LiveInit, title: 'Live init', description: 'First message of a live view' },
  'pipe-from-receiver': { schema: PipeFromReceiver, title: 'Pipe message from the receiver', description: 'What the kernel that takes a camera of another node says to that node' },
  'pipe-from-sender': { schema: PipeFromSender, title: 'Pipe message from the sender', description: 'What the kernel that has the camera says to the one that takes it' },
  'webrtc-from-kernel': { schema: WebRtcFromKernel, title: 'WebRTC message from the kernel', description: 'What the kernel says to a page that watches over WebRTC' },
  'webrtc-from-page': { schema: WebRtcFromPage, title: 'WebRTC message from a page', description: 'What a page that watches over WebRTC says to the kernel' },
  'model-status': { schema: ModelStatus, title: 'Model status', description: 'GET /v1/models of the core, each item' },
  'subscription-status': { schema: SubscriptionStatus, title: 'Subscription status', description: 'GET /v1/subscriptions of the core, each item' },
  'look': { schema: Look, title: 'Look', description: 'The newest look of a model at a camera' },
  'core-event': { schema: CoreEvent, title: 'Core event', description: 'An event of the ordered stream of the core' },
  'kernel-event': { schema: KernelEvent, title: 'Kernel event', description: 'An event of the ordered stream of the kernel' },
  'site-event': { schema: SiteEvent, title: 'Site event', description: 'A message of the JetStream stream ruth_events, subject ruth.events.<node>: an event of a node of a site' },
  'timeline': { schema: Timeline, title: 'Timeline', description: 'What of a span is recorded, and why the rest is not' },
  'export-request': { schema: ExportRequest, title: 'Export request', description: 'Asks for a span as one MP4' },
  'clip-request': { schema: ClipRequest, title: 'Clip request', description: 'Asks for what was and will be seen around an instant, as one MP4' },
  'export-status': { schema: ExportStatus, title: 'Export status', description: 'How far an export is' },
  'keyframes': { schema: Keyframes, title: 'Keyframes', description: 'Where a player can begin, nearest to an instant' },
  'keep-request': { schema: KeepRequest, title: 'Keep request', description: 'A span that is not to be deleted' },
  'storage-status': { schema: StorageStatus, title: 'Storage status', description: 'How the disk of the recordings is' },
  'supervised-process': { schema: SupervisedProcessStatus, title: 'Supervised process', description: 'GET /v1/processes of the supervisor, each item' },
  'supervised-model': { schema: SupervisedModel, title: 'Supervised model', description: 'GET /v1/models of the supervisor, each item' },
  'add-model-request': { schema: AddModelRequest, title: 'Add model request', description: 'POST /v1/models of the supervisor: takes a model into the node' },
  'replace-model-request': { schema: ReplaceModelRequest, title: 'Replace model request', description: 'POST /v1/models/:id/replace of the supervisor: another version of a model' },
  'error-body': { schema: ErrorBody, title: 'Error body', description: 'Body of every error answer over HTTP' },
  'process-health': { schema: ProcessHealth, title: 'Process health', description: 'GET /v1/health of kernel and core' },
  'system-health': { schema: SystemHealth, title: 'System health', description: 'GET /api/v1/health of the server' },
} as const satisfies Record<string, { schema: TSchema; title: string; description: string }>;

export type PublishedSchemaName = keyof typeof PUBLISHED_SCHEMAS;

/** The text of `schemas/<name>.schema.json`. */
export function publishedSchemaText(name: PublishedSchemaName): string {
  const { schema, title, description } = PUBLISHED_SCHEMAS[name];
  const document = { $schema: DRAFT, $id: `${BASE}/${name}.schema.json`, title, description, ...schema };
  return `${JSON.stringify(document, null, 2)}\n`;
}
