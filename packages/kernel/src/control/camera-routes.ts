// Cameras at run time, on the kernel's own socket alone: whoever may write there may also read the passwords in ruth.yaml.
import { assertId, CameraConfig, cameraUrlProblem, PtzRequest, RuthError, validator, type CameraStatus, type PtzStatus } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';

/** What these routes change. `Kernel` is it. */
export interface CameraControl {
  putCamera(config: CameraConfig): Promise<CameraStatus>;
  removeCamera(id: string): Promise<void>;
  turnCamera(id: string, request: PtzRequest): Promise<void>;
  presets(id: string): Promise<PtzStatus>;
}

const cameraConfig = validator(CameraConfig);
const ptzRequest = validator(PtzRequest);
const idOf = (params: unknown): string => assertId((params as { id: string }).id, 'camera');

export function addCameraRoutes(routes: FastifyInstance, kernel: CameraControl): void {
  routes.put('/v1/cameras/:id', async (request) => {
    const id = idOf(request.params);
    const config = cameraConfig.parse(request.body);
    if (config.id !== id) throw new RuthError('bad_request', `the camera is ${id} in the address and ${config.id} in the body`);
    return kernel.putCamera(withCheckedUrls(config));
  });
  routes.delete('/v1/cameras/:id', async (request, reply) => {
    await kernel.removeCamera(idOf(request.params));
    return reply.code(204).send();
  });
  routes.get('/v1/cameras/:id/ptz', async (request) => kernel.presets(idOf(request.params)));
  routes.post('/v1/cameras/:id/ptz', async (request, reply) => {
    await kernel.turnCamera(idOf(request.params), ptzRequest.parse(request.body));
    return reply.code(204).send();
  });
}

function withCheckedUrls(config: CameraConfig): CameraConfig {
  for (const key of ['url', 'detect_url'] as const) {
    const problem = config[key] === undefined ? null : cameraUrlProblem(config[key]);
    if (problem !== null) throw new RuthError('bad_request', `${key} ${problem}`);
  }
  return config;
}
