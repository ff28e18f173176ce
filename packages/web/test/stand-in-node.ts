// The part of a supervisor that keeps cameras, in memory: what was added, changed and removed through the page.
import type { Readable } from 'node:stream';
import type { CameraChange, CameraConfig, CameraIntentChange, CameraStatus, DiscoveredDevice, ModelJob, ModelJobRequest, ModelUpload, NodeCamera, OfferedModel, ProbeReport, SupervisedModel } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import { camera } from '../../server/test/stand-ins.ts';

export const UPLOAD_ID = '00000000-0000-4000-8000-000000000000';
interface OfCamera { Params: { id: string } }

export const ADVICE = 'Keyframes come every 4.0 s: set the camera to one a second';

export class StandInNode {
  readonly settings = new Map<string, NodeCamera>();
  /** What probes and searches were told. */
  readonly asked: unknown[] = [];
  readonly models: SupervisedModel[] = [{ model_id: 'square-finder', state: 'running', reason: null, folder: '/models/square-finder', model_name: 'Square finder', model_version: '2', license: 'MIT', pid: 7 }];
  readonly jobs: ModelJob[] = [];
  /** Of files that are sent: how many bytes came. Nothing is read while `uploadsHeld`. */
  readonly uploads: { name: string; bytes: number; isWhole: boolean }[] = [];
  uploadsHeld: Promise<void> = Promise.resolve();
  readonly #statuses: CameraStatus[];

  constructor(statuses: CameraStatus[]) {
    this.#statuses = statuses;
  }

  of(id: string): NodeCamera {
    const known = this.settings.get(id) ?? described({ id, url: `rtsp://127.0.0.1:8554/${id}`, name: this.#statuses.find(({ camera_id }) => camera_id === id)?.name ?? id });
    this.settings.set(id, known);
    return known;
  }

  serve(app: FastifyInstance): void {
    app.get('/v1/cameras', () => this.#statuses.map(({ camera_id }) => this.of(camera_id)));
    app.get<OfCamera>('/v1/cameras/:id', ({ params }) => this.of(params.id));
    app.post<{ Body: CameraConfig }>('/v1/cameras', ({ body }, reply) => {
      if (this.#statuses.some(({ camera_id }) => camera_id === body.id)) return reply.code(409).send({ error: `there is a camera ${body.id} already; choose another id`, error_code: 'conflict' });
      this.settings.set(body.id, described(body));
      this.#statuses.push(camera(body.id, { name: body.name ?? body.id, url: body.url.replace(/\/\/.*@/, '//***@'), state: 'connecting', fps: null, width: null, height: null, codec: null, bitrate_bps: null }));
      return this.of(body.id);
    });
    app.patch<OfCamera & { Body: CameraChange }>('/v1/cameras/:id', ({ params: { id }, body }) => {
      const before = this.of(id);
      const index = this.#statuses.findIndex(({ camera_id }) => camera_id === id);
      if (body.name) this.#statuses[index] = { ...this.#statuses[index]!, name: body.name };
      this.settings.set(id, { ...before, config: Object.fromEntries(Object.entries({ ...before.config, ...body }).filter(([, value]) => value !== null)) as CameraConfig });
      return this.of(id);
    });
    app.patch<OfCamera & { Body: CameraIntentChange }>('/v1/cameras/:id/intent', ({ params: { id }, body }) => {
      this.settings.set(id, { ...this.of(id), ...body });
      return this.of(id);
    });
    app.delete<OfCamera>('/v1/cameras/:id', ({ params: { id } }, reply) => {
      this.settings.delete(id);
      this.#statuses.splice(this.#statuses.findIndex(({ camera_id }) => camera_id === id), 1);
      return reply.code(204).send();
    });
    app.get('/v1/models', () => this.models);
    app.post<OfCamera>('/v1/models/:id/:change', ({ params, url }, reply) => {
      const model = this.models.find(({ model_id }) => model_id === params.id)!;
      model.state = url.endsWith('/disable') ? 'disabled' : 'running';
      return reply.code(204).send();
    });
    app.get('/v1/offered-models', (): OfferedModel[] => [{ recipe: 'yolox-nano', model_id: 'yolox-nano', model_name: 'YOLOX nano', license: 'Apache-2.0', license_note: null, author: 'Megvii', description: 'A small detector.', expect: 'About .26 mAP50-95 on COCO.', published: true }]);
    app.get('/v1/model-jobs', () => this.jobs);
    app.post<{ Body: ModelJobRequest }>('/v1/model-jobs', ({ body }) => {
      this.asked.push(body);
      const { kind, source, model_id: id, accept_license: accepted = false } = body;
      const job: ModelJob = { job_id: `job-${this.jobs.length + 1}`, kind, source, model_id: id ?? source, request: body, state: accepted ? 'running' : 'failed', began_at: 1, ended_at: null, steps: [{ title: 'Fetch', text: 'half of 3.6 MB', done: false, seconds: 2 }], license: { of: source, license: 'Apache-2.0', note: null }, result: null, error: accepted ? null : 'its licence was not accepted', error_code: accepted ? null : 'cancelled', has_picture: false };
      this.jobs.unshift(job);
      return job;
    });
    app.delete<OfCamera>('/v1/model-jobs/:id', ({ params }, reply) => {
      const index = this.jobs.findIndex(({ job_id }) => job_id === params.id);
      if (this.jobs[index]?.state === 'running') this.jobs[index] = { ...this.jobs[index], state: 'cancelled' };
      else this.jobs.splice(index, 1);
      return reply.code(204).send();
    });
    app.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body));
    app.post<{ Querystring: { file_name: string } }>('/v1/model-uploads', async ({ query: { file_name: name }, body }, reply) => {
      if (name === 'no-room.onnx') return reply.code(507).send({ error: 'the model needs 8.0 MB, and the disk of /models has 1.0 MB to spare', error_code: 'disk_full' });
      const upload = { name, bytes: 0, isWhole: false };
      this.uploads.push(upload);
      await this.uploadsHeld;
      for await (const chunk of body as Readable) upload.bytes += (chunk as Buffer).length;
      upload.isWhole = true;
      return reply.code(201).send({ upload_id: UPLOAD_ID, file_name: name, bytes: upload.bytes, sha256: '0'.repeat(64) } satisfies ModelUpload);
    });
    app.post('/v1/probe', ({ body }, reply) => {
      this.asked.push(body);
      const { url = '' } = body as { url?: string };
      return url.includes('nobody') ? reply.code(502).send({ error: 'nobody listens at 192.0.2.7:554', error_code: 'camera_unreachable' }) : probed(url.replace(/\/\/.*@/, '//***@'));
    });
    app.post('/v1/discover', ({ body }): DiscoveredDevice[] => {
      this.asked.push(body);
      return [{
        address: '192.0.2.20', onvif_url: 'http://192.0.2.20/onvif/device_service', name: 'Yard cam', hardware: 'DS-2CD', location: null, error: null,
        streams: [{ profile: 'main', url: 'rtsp://192.0.2.20/Streaming/Channels/101', codec: 'H264', width: 2560, height: 1440, fps: 25, ptz: false }, { profile: 'sub', url: 'rtsp://192.0.2.20/Streaming/Channels/102', codec: 'H264', width: 640, height: 360, fps: 12, ptz: false }],
      }];
    });
  }
}

const described = (config: CameraConfig): NodeCamera => ({
  config: { ...config, url: config.url.replace(/\/\/.*@/, '//***@') }, has_credentials: config.url.includes('@'), managed: true, subscriptions: [], scene: {}, rules: [],
  shared_rules: [{ id: 'anywhere', when: 'person is fallen for 5 s', severity: 'critical' }],
});

const probed = (url: string): ProbeReport => ({
  url, transport: 'tcp', refused_transports: {}, measured_s: 5, connect_ms: 40, first_picture_ms: 700, codec: 'h264', profile: 'avc1.640028', width: 2560, height: 1440, stated_fps: 25, fps: 25, fps_jitter: 0.02,
  keyframe_interval_s: 4, pictures_per_keyframe: 100, b_frames: false, bitrate_bps: 5.2e6, packets_lost: 0, parameter_sets: 'both', audio_codec: 'aac', clock_drift_ppm: null, sender_reports: true, clock_offset_s: null,
  advice: [{ level: 'good', text: 'H.264 plays in every browser as it comes' }, { level: 'problem', text: ADVICE }],
});
