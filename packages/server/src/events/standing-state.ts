// How things stand when the server starts: what core told before, as far as it was told by the core that runs now. What stood before is not what there is.
import { CameraStatus, CoreEvent, ProcessHealth, RuthError, SubscriptionStatus, validator } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import Type from 'typebox';
import type { Store } from '../store/index.ts';
import type { Upstream } from '../upstream.ts';

const health = validator(ProcessHealth);
const cameraStatuses = validator(Type.Array(CameraStatus));
const subscriptionStatuses = validator(Type.Array(SubscriptionStatus));
const coreEvent = validator(CoreEvent);

export interface Standing {
  readonly events: readonly CoreEvent[];
  /** Cameras that somebody looks at: of them what was not told is not there. */
  readonly lookedAt: ReadonlySet<string>;
}

const NOTHING: Standing = { events: [], lookedAt: new Set() };

/** Never throws: where nobody can be asked nothing is known. */
export async function standingNow(store: Store, kernel: Upstream, core: Upstream, logger: Logger): Promise<Standing> {
  try {
    const [sinceS, cameras, lookedAt] = await Promise.all([startOf(core), kernel.get('/v1/cameras', cameraStatuses), lookedAtNow(core)]);
    const ids = cameras.map(({ camera_id: id }) => id);
    const events = (await store.read('standingEvents', ids, Math.round(sinceS * 1e6))).map((body) => JSON.parse(body) as unknown).filter((event) => coreEvent.check(event));
    return { events, lookedAt };
  } catch (cause) {
    logger.info(`how things stand is not known yet: ${RuthError.from(cause).message}`);
    return NOTHING;
  }
}

/** When the core that runs began, UTC seconds. Throws `unreachable`. */
export async function startOf(core: Upstream): Promise<number> { return Date.now() / 1000 - (await core.get('/v1/health', health)).uptime_ms / 1000; }

/** Cameras that somebody looks at. Throws `unreachable`. */
export async function lookedAtNow(core: Upstream): Promise<ReadonlySet<string>> {
  return new Set((await core.get('/v1/subscriptions', subscriptionStatuses)).filter(({ state }) => state === 'running').map(({ camera_id: id }) => id));
}
