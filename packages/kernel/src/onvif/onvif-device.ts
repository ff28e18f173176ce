// One ONVIF device: its streams, and how it is turned. To be used in a process of its own: the library below throws from its
// callbacks at answers it does not expect, and a device may answer anything.
import { RuthError, type DiscoveredStream, type PtzRequest, type PtzStatus } from '@ruth/protocol';
import { AddressPolicy } from '@ruth/transport';
import { Cam } from 'onvif';
import type { OnvifTarget } from './messages.ts';

const ANSWER_TIMEOUT_MS = 5000;
const DEFAULT_MOVE_MS = 1000;
const MAX_PROFILES = 32;

type Callback = (error: Error | null | false | undefined, answer?: unknown) => void;

export class OnvifDevice implements Disposable {
  readonly #cam: Cam;
  readonly #policy: AddressPolicy;
  readonly #profileToken: string | null;
  #stopping: NodeJS.Timeout | undefined;

  private constructor(cam: Cam, policy: AddressPolicy) {
    this.#cam = cam;
    this.#policy = policy;
    const profiles = profilesOf(cam);
    this.#profileToken = (profiles.find((profile) => profile.PTZConfiguration !== undefined) ?? profiles[0])?.$?.token ?? null;
  }

  /** Throws `camera_unauthorized`, `camera_unreachable`, `camera_protocol`, `bad_request` for a URL that is none, `forbidden` where no camera may be. */
  static async connect({ url, user, password, addresses }: OnvifTarget): Promise<OnvifDevice> {
    const parsed = URL.canParse(url) ? new URL(url) : null;
    if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) throw new RuthError('bad_request', 'the ONVIF URL is none; use http://host/onvif/device_service');
    if (user !== null && /[<>&]/.test(user)) throw new RuthError('bad_request', 'the ONVIF user holds <, > or &');
    const policy = AddressPolicy.forCameras(addresses);
    const hostname = await policy.resolve(url).catch((cause: unknown) => { throw cause instanceof RuthError ? cause : new RuthError('camera_unreachable', `${parsed.hostname} cannot be reached: ${(cause as Error).message}`, { cause }); });
    const useSecure = parsed.protocol === 'https:';
    const cam = new Cam({
      // preserveAddress: what a device says of its own address is not followed to other machines.
      hostname, port: Number(parsed.port) || (useSecure ? 443 : 80), path: parsed.pathname, useSecure, preserveAddress: true,
      timeout: ANSWER_TIMEOUT_MS, autoconnect: false, ...(user === null ? {} : { username: user }), ...(password === null ? {} : { password }),
      // Cameras sign their own certificates; who wants more gives no https URL of another network.
      ...(useSecure ? { secureOpts: { rejectUnauthorized: false } } : {}),
    });
    // Without a listener an emitter's error ends the process.
    cam.on('error', () => undefined);
    await called((done) => cam.connect(done), 4 * ANSWER_TIMEOUT_MS);
    const device = new OnvifDevice(cam, policy);
    if (device.#profileToken === null) throw new RuthError('camera_unauthorized', 'the device tells no profiles; it may want other credentials');
    return device;
  }

  /** Largest picture first. A profile without a URL is left out, and one at an address where no camera may be: `refused` says why. */
  async streams(): Promise<{ readonly streams: DiscoveredStream[]; readonly refused: string | null }> {
    const streams: DiscoveredStream[] = [];
    let refused: string | null = null;
    for (const profile of profilesOf(this.#cam).slice(0, MAX_PROFILES)) {
      const { videoEncoderConfiguration: encoder } = profile;
      const profileToken = profile.$?.token;
      if (profileToken === undefined || encoder === undefined) continue;
      const answer = await called((done) => this.#cam.getStreamUri({ protocol: 'RTSP', profileToken }, done as never), ANSWER_TIMEOUT_MS);
      const uri = (answer as { uri?: unknown } | undefined)?.uri;
      if (typeof uri !== 'string') continue;
      try {
        if (URL.canParse(uri)) this.#policy.assertUrl(uri);
      } catch (cause) {
        refused = `the stream ${textOf(profile.name) ?? profileToken}: ${RuthError.from(cause).message}`;
        continue;
      }
      streams.push({
        profile: textOf(profile.name) ?? profileToken, url: withoutCredentials(uri), codec: textOf(encoder.encoding), width: countOf(encoder.resolution?.width), height: countOf(encoder.resolution?.height),
        fps: countOf(encoder.rateControl?.frameRateLimit), ptz: profile.PTZConfiguration !== undefined,
      });
    }
    return { streams: streams.sort((a, b) => (b.width ?? 0) * (b.height ?? 0) - (a.width ?? 0) * (a.height ?? 0)), refused };
  }

  /** A movement is ended by the device itself after its time, and by us where it does not do so. */
  async turn(request: PtzRequest): Promise<void> {
    clearTimeout(this.#stopping);
    const profileToken = this.#profileToken!;
    if ('stop' in request) await this.#stop();
    else if ('preset' in request) await called((done) => this.#cam.gotoPreset({ profileToken, preset: request.preset }, done as never), ANSWER_TIMEOUT_MS);
    else {
      const { pan = 0, tilt = 0, zoom = 0, timeout_ms: timeout = DEFAULT_MOVE_MS } = request;
      this.#stopping = setTimeout(() => void this.#stop().catch(() => undefined), timeout);
      await called((done) => this.#cam.continuousMove({ profileToken, x: pan, y: tilt, zoom, timeout }, done as never), ANSWER_TIMEOUT_MS);
    }
  }

  async presets(): Promise<PtzStatus> {
    const found = await called((done) => this.#cam.getPresets({ profileToken: this.#profileToken! }, done as never), ANSWER_TIMEOUT_MS);
    const presets = Object.values((found ?? {}) as Record<string, { $?: { token?: unknown }; name?: unknown }>);
    return { presets: presets.map((preset) => ({ token: textOf(preset.$?.token) ?? '', name: textOf(preset.name) ?? '' })) };
  }

  /** Nothing moves on when nobody is left to stop it. */
  async close(): Promise<void> {
    if (this.#stopping !== undefined) await this.#stop().catch(() => undefined);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void { clearTimeout(this.#stopping); }

  async #stop(): Promise<void> {
    await called((done) => this.#cam.stop({ profileToken: this.#profileToken!, panTilt: true, zoom: true }, done as never), ANSWER_TIMEOUT_MS);
    clearTimeout(this.#stopping);
    this.#stopping = undefined;
  }
}

interface Profile {
  readonly $?: { readonly token?: string };
  readonly name?: unknown;
  readonly videoEncoderConfiguration?: { readonly encoding?: unknown; readonly resolution?: { readonly width?: unknown; readonly height?: unknown }; readonly rateControl?: { readonly frameRateLimit?: unknown } };
  readonly PTZConfiguration?: unknown;
}

function profilesOf(cam: Cam): Profile[] {
  const profiles = (cam as unknown as { profiles?: unknown }).profiles;
  return (Array.isArray(profiles) ? profiles : []) as Profile[];
}

/** The library makes numbers of texts that look like them. */
const textOf = (value: unknown): string | null => (typeof value === 'number' || (typeof value === 'string' && value !== '') ? String(value) : null);
const countOf = (value: unknown): number | null => (Number.isInteger(Number(value)) && Number(value) > 0 ? Number(value) : null);

/** Some devices put the credentials they were asked with into the URL. */
function withoutCredentials(uri: string): string {
  if (!URL.canParse(uri)) return uri;
  const url = new URL(uri);
  url.username = '';
  url.password = '';
  return url.href;
}

/** One call of the library. Throws in Ruth's words. */
function called(call: (done: Callback) => void, limitMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new RuthError('camera_unreachable', `the device did not answer within ${limitMs} ms`)), limitMs);
    const settle: Callback = (error, answer) => {
      clearTimeout(limit);
      if (error) reject(deviceError(error));
      else resolve(answer);
    };
    try {
      call(settle);
    } catch (cause) {
      settle(cause as Error);
    }
  });
}

/** The library tells its errors by text alone. */
function deviceError(cause: Error): RuthError {
  const { message } = cause;
  const { code } = cause as NodeJS.ErrnoException;
  if (/not ?authorized|unauthorized|authentication failed|authority failure|\b401\b/i.test(message)) return new RuthError('camera_unauthorized', 'the device refuses these credentials', { cause });
  if (code !== undefined || /timeout/i.test(message)) return new RuthError('camera_unreachable', `the device cannot be reached: ${message}`, { cause });
  return new RuthError('camera_protocol', `the device answered with an error: ${message.slice(0, 200)}`, { cause });
}
