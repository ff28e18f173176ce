// VAS Kernel of one node: a process per camera, leases that say how much is decoded, and the control API.
import { accessSync, constants } from 'node:fs';
import { cameraSettings, kernelSocketPath, RuthError, type CameraConfig, type CameraSettings, type CameraStatus, type KernelEvent, type LeaseGrant, type LeaseRequest, type LiveStreamName, type PtzRequest, type PtzStatus, type RecordingHealth, type Settings } from '@ruth/protocol';
import { EventLog, listenOnSocket, sweepOrphanRings, type Logger } from '@ruth/transport';
import { CameraCosts } from './control/camera-costs.ts';
import { CameraRoster, type CameraEnd } from './control/camera-roster.ts';
import { controlServer } from './control/control-server.ts';
import { PlacedCameras } from './control/placed-cameras.ts';
import { LeaseTable } from './frames/lease-table.ts';
import { KernelCamera } from './kernel-camera.ts';
import type { LiveRelay } from './live/fmp4/live-relay.ts';
import { RestreamServer } from './live/restream/restream-server.ts';
import type { Pipes } from './live/webrtc/pipes/index.ts';
import { WebRtc } from './live/webrtc/webrtc.ts';
import type { WebRtcCamera } from './live/webrtc/webrtc-camera.ts';
import type { WhepSessions } from './live/webrtc/whep-sessions.ts';
import { PtzControl } from './onvif/ptz-control.ts';
import { Archive } from './record/archive/index.ts';
import { Playback } from './record/playback/index.ts';

export interface KernelOptions {
  readonly settings: Pick<Settings, 'cameras' | 'socketDirectory' | 'ringDirectory' | 'recording' | 'live' | 'decoding' | 'cameraAddresses'>;
  readonly logger: Logger;
  /** False where its ruth.yaml has no `site`. */
  readonly isInSite?: boolean;
  /** What a supervisor saw of the end of the kernel before this one; null where none did. */
  readonly endedBefore?: string | null;
  /** Program of mediasoup's workers; where mediasoup itself looks for it unless given. */
  readonly mediasoupWorker?: string;
}

export class Kernel implements AsyncDisposable {
  readonly socketPath: string;
  /** Of recordings and their storage. */
  readonly events = new EventLog<KernelEvent>({ utcMs: () => Date.now() });
  readonly #options: KernelOptions;
  readonly #cameras: CameraRoster<KernelCamera>;
  readonly #leases = new LeaseTable();
  readonly #webrtc: WebRtc | null;
  readonly #ptz: PtzControl;
  readonly #costs = new CameraCosts();
  /** What a site gave to this node. */
  readonly placed: PlacedCameras;
  readonly #server: ReturnType<typeof controlServer>;
  #expiry: NodeJS.Timeout | undefined;
  #restream: RestreamServer | null = null;
  #archive: Archive | null = null;
  #playback: Playback | undefined;

  private constructor(options: KernelOptions) {
    this.#options = options;
    this.socketPath = kernelSocketPath(options.settings.socketDirectory);
    const { webrtc, pipes } = options.settings.live;
    this.#webrtc = webrtc && new WebRtc({ settings: webrtc, pipes, logger: options.logger, ...(options.mediasoupWorker === undefined ? {} : { workerBinary: options.mediasoupWorker }) });
    this.#cameras = new CameraRoster((camera) => this.#newCamera(camera));
    this.placed = new PlacedCameras({
      put: (camera) => this.#cameras.put(camera), remove: (id) => this.#cameras.remove(id), has: (id) => this.#cameras.find(id) !== undefined,
      ids: () => [...this.#cameras].map(({ settings }) => settings.id), recordedIds: () => this.#archive?.cameraIds ?? [], unclaimed: () => this.#archive?.unclaimed ?? {}, unclaimedFiles: () => this.#archive?.unclaimedFiles ?? null,
      claim: async (id, decision) => await this.#archive?.claim(id, decision) ?? { spans: [], deletedFiles: 0, leftFiles: 0 },
      holdings: async (id, startUs, endUs) => await this.#archive?.holdings(id, startUs, endUs) ?? { recorded: [], aside: [], newestUs: null },
      edges: async (...of) => await this.#archive?.edges(...of) ?? { firsts: [], lasts: [] },
      findAside: async (id, keyframes) => await this.#archive?.findAside(id, keyframes) ?? [],
      status: (id) => this.#cameras.get(id).status, costCores: (id) => this.#costs.of(id, this.#cameras.find(id)?.process.status.pid ?? null),
      turn: (id) => this.#cameras.get(id),
      tell: (id, recordUntilS, turn) => {
        this.#cameras.find(id)?.process.want({ recordUntilS });
        this.#cameras.find(id)?.setTurn(turn);
      },
    });
    this.#ptz = new PtzControl(options.settings.cameraAddresses);
    this.#server = controlServer(this);
  }

  /**
   * Serves when it resolves. Throws `socket_in_use` where another kernel runs, `invalid_state` where another one has the recordings,
   * `invalid_config` without a folder for rings or for recordings.
   */
  static async start(options: KernelOptions): Promise<Kernel> {
    requireFolder(options.settings.ringDirectory);
    const kernel = new Kernel(options);
    try {
      await kernel.#start();
      return kernel;
    } catch (error) {
      await kernel.close();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { settings: { ringDirectory, cameras, recording, live: { rtsp } }, logger, isInSite, endedBefore } = this.#options;
    // Nothing may be recorded before it is put right what a crash left.
    this.#archive = recording && await Archive.open({ settings: recording, logger, ...(isInSite !== undefined && { isInSite }), endedBefore: endedBefore ?? null, onEvent: (event) => this.events.append(event) });
    this.#playback = await Playback.open({ archive: this.#archive, settings: recording, logger });
    await this.#server.ready();
    await listenOnSocket(this.#server.server, this.socketPath);
    const swept = sweepOrphanRings({ ringDirectory });
    if (swept.length > 0) logger.info({ rings: swept }, 'swept rings of a kernel that is dead');
    for (const camera of cameras) this.#cameras.add(camera);
    if (rtsp) this.#restream = await RestreamServer.start({ settings: rtsp, logger, camera: (id) => this.#cameras.find(id)?.restream ?? null });
  }

  cameras(): CameraStatus[] {
    return [...this.#cameras].map((camera) => camera.status);
  }

  /** Throws `camera_not_found`. */
  camera(id: string): CameraStatus { return this.#cameras.get(id).status; }

  /** Adds a camera or changes it; no other one notices. Its URLs are checked by the caller. Throws `shutting_down`. */
  async putCamera(config: CameraConfig): Promise<CameraStatus> {
    if (this.placed.isPlaced(config.id)) throw new RuthError('conflict', `the site gave this node a camera ${config.id}; choose another id`);
    const camera = await this.#cameras.put(cameraSettings(config));
    return camera.status;
  }

  /** Resolves when nothing of it runs any more; what it recorded stays. Throws `camera_not_found`, `conflict` for one of the site, `shutting_down`. */
  async removeCamera(id: string): Promise<void> {
    if (this.placed.isPlaced(id)) throw new RuthError('conflict', `the site gave this node the camera ${id}: it is removed from the site`);
    return this.#cameras.remove(id);
  }

  /** Throws `camera_not_found`, `invalid_state` where nothing is known that could turn it, and what the device makes of it. */
  async turnCamera(id: string, request: PtzRequest): Promise<void> { await this.#ptz.turn(this.#cameras.get(id).settings, request); }

  /** Throws as `turnCamera` does. */
  async presets(id: string): Promise<PtzStatus> { return this.#ptz.presets(this.#cameras.get(id).settings); }

  /** The RTSP output; null where it is not asked for. */
  get restream(): RestreamServer | null { return this.#restream; }

  /** How recording is, told from memory. */
  get recordingHealth(): RecordingHealth { return this.#archive?.health ?? { state: 'off', message: null, since: null }; }

  /** There as soon as the API is. */
  get playback(): Playback { return this.#playback!; }

  /** `detect`: of the stream for models, where the camera has one; else of its only one. Throws `camera_not_found`. */
  live(id: string, stream: LiveStreamName = 'main'): LiveRelay {
    const { relay, detectRelay } = this.#cameras.get(id);
    return stream === 'main' ? relay : detectRelay ?? relay;
  }

  /** Throws `camera_not_found`, and `webrtc_unavailable` where the settings say so. */
  webrtc(id: string): WebRtcCamera { return this.#cameras.get(id).webrtc ?? webRtcIsOff(); }

  /** Throws `not_found` where this node is by itself, `webrtc_unavailable` where the settings say so. */
  async openPipes(): Promise<Pipes> { return (this.#webrtc ?? webRtcIsOff()).openPipes(); }

  /** To and from other nodes; null until there was one. */
  get pipes(): Pipes | null { return this.#webrtc?.pipes ?? null; }

  get whep(): WhepSessions { return this.#webrtc?.whep ?? webRtcIsOff(); }

  /** Grants or renews. Throws `camera_not_found`, `overloaded`. */
  lease(leaseId: string, request: LeaseRequest): LeaseGrant {
    const { process } = this.#cameras.get(request.camera_id);
    this.#apply(this.#leases.put(leaseId, request));
    return { lease_id: leaseId, ...request, frame_reference: process.frameReference, camera_state: process.status.state };
  }

  /** Ends a lease; one that is unknown has ended already. */
  release(leaseId: string): void {
    const camera = this.#leases.delete(leaseId);
    if (camera !== null) this.#apply([camera]);
  }

  async close(why: CameraEnd = 'stopped'): Promise<void> {
    clearTimeout(this.#expiry);
    await Promise.all([this.#server.close(), this.#playback?.[Symbol.asyncDispose](), this.#restream?.[Symbol.asyncDispose](), this.#cameras.close(why), this.#ptz[Symbol.asyncDispose](), this.#webrtc?.[Symbol.asyncDispose]()]);
    await this.#archive?.[Symbol.asyncDispose]();
    sweepOrphanRings({ ringDirectory: this.#options.settings.ringDirectory });
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.close(); }

  #newCamera(settings: CameraSettings): KernelCamera {
    const camera = new KernelCamera({ camera: settings, settings: this.#options.settings, logger: this.#options.logger, archive: this.#archive?.camera(settings) ?? null, webrtc: this.#webrtc });
    // A camera that began anew is still leased by whoever leased it.
    camera.process.want({ fps: this.#leases.demand(settings.id), recordUntilS: this.placed.untilOf(settings.id) });
    camera.setTurn(this.placed.turnOf(settings.id));
    return camera;
  }

  #apply(cameraIds: readonly string[]): void {
    for (const id of cameraIds) this.#cameras.find(id)?.process.want({ fps: this.#leases.demand(id) });
    clearTimeout(this.#expiry);
    const inMs = this.#leases.nextExpiryInMs;
    if (inMs !== null) this.#expiry = setTimeout(() => this.#apply(this.#leases.expire()), Math.ceil(inMs));
  }
}

function webRtcIsOff(): never { throw new RuthError('webrtc_unavailable', 'live.webrtc.active is false in ruth.yaml'); }

function requireFolder(ringDirectory: string): void {
  try {
    accessSync(ringDirectory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new RuthError('invalid_config', `paths.ring_directory ${ringDirectory} cannot be written to: ${(cause as Error).message}; make the folder, or name another on a tmpfs`, { cause });
  }
}
