// Looks at kernel, core and models and says what it found. "Could not look" is `unreachable`, never `ok`.
import { ModelStatus, ProcessHealth, RuthError, SupervisedProcessStatus, validator, type ModelHealth, type PartHealth, type StoreHealth, type SystemHealth } from '@ruth/protocol';
import Type from 'typebox';
import type { Upstream } from './upstream.ts';

const processHealth = validator(ProcessHealth);
const modelStatuses = validator(Type.Array(ModelStatus));
const processStatuses = validator(Type.Array(SupervisedProcessStatus));

/** Which models there shall be is core's to say: it lists those that are away, too. Why one is away its supervisor knows, where there is one. */
export async function lookAtSystem({ kernel, core, supervisor }: { readonly kernel: Upstream; readonly core: Upstream; readonly supervisor: Upstream }, server: ProcessHealth, store: StoreHealth): Promise<SystemHealth> {
  const [{ recording, ...kernelHealth }, { recording: _, ...coreHealth }, models] = await Promise.all([lookAtPart(kernel), lookAtPart(core), lookAtModels(core, supervisor)]);
  const well = store.state === 'ok' && recording?.state !== 'full' && recording?.state !== 'failing' && kernelHealth.status === 'ready' && coreHealth.status === 'ready' && models?.every((model) => model.state === 'up') === true;
  return { status: well ? 'ok' : 'degraded', server, kernel: kernelHealth, core: coreHealth, models, recording, store };
}

async function lookAtPart(part: Upstream): Promise<PartHealth & Pick<SystemHealth, 'recording'>> {
  try {
    const { status, version, recording = null } = await part.get('/v1/health', processHealth);
    return { status, version, error: null, recording };
  } catch (error) {
    return { status: 'unreachable', version: null, error: RuthError.from(error).message, recording: null };
  }
}

async function lookAtModels(core: Upstream, supervisor: Upstream): Promise<ModelHealth[] | null> {
  try {
    const known = await core.get('/v1/models', modelStatuses);
    const isAllUp = known.every(({ state }) => state === 'up');
    const processes = isAllUp ? [] : await supervisor.get('/v1/processes', processStatuses).catch(() => []);
    return known.map(({ model_id, state, last_error }): ModelHealth => {
      const reason = state === 'up' ? null : processes.find(({ name }) => name === `container ${model_id}`)?.reason;
      return { model_id, state, error: reason ?? last_error?.message ?? null };
    });
  } catch {
    return null;
  }
}

/** For whoever is not signed in: how it is, not why. */
export function withoutReasons(health: SystemHealth): SystemHealth {
  return {
    ...health, kernel: { ...health.kernel, error: null }, core: { ...health.core, error: null }, models: health.models && health.models.map((model) => ({ ...model, error: null })),
    recording: health.recording && { ...health.recording, message: null },
    ...(health.store && { store: { ...health.store, message: null } }),
  };
}
