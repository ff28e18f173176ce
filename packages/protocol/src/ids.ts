// Ids and the paths made from them. An id from outside is checked here before any path is built with it.
import { RuthError } from './errors.ts';

export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';
const idRegExp = new RegExp(ID_PATTERN);

export const RING_FILE_PREFIX = 'vas_frames_';
export const MODEL_SOCKET_PREFIX = 'vas_model_';
export const DEFAULT_RING_DIRECTORY = '/dev/shm';
export const DEFAULT_SOCKET_DIRECTORY = '/tmp';

export function isId(value: unknown): value is string {
  return typeof value === 'string' && idRegExp.test(value);
}

/** Returns the id, or throws `invalid_id` naming what it is the id of. */
export function assertId(value: unknown, of: string): string {
  if (isId(value)) return value;
  throw new RuthError('invalid_id', `${of} id ${JSON.stringify(value)} is not valid: use 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit`);
}

/** Path of a camera's frame ring, e.g. `/dev/shm/vas_frames_front`. */
export function ringPath(cameraId: string, ringDirectory: string = DEFAULT_RING_DIRECTORY): string {
  return `${ringDirectory}/${RING_FILE_PREFIX}${assertId(cameraId, 'camera')}`;
}

/** Path of a model container's socket, e.g. `/tmp/vas_model_yolov8n.sock`. */
export function modelSocketPath(modelId: string, socketDirectory: string = DEFAULT_SOCKET_DIRECTORY): string {
  return `${socketDirectory}/${MODEL_SOCKET_PREFIX}${assertId(modelId, 'model')}.sock`;
}

/** The model id that a socket's file name carries, or null where the name is not of a model socket. */
export function modelIdOfSocket(fileName: string): string | null {
  if (!fileName.startsWith(MODEL_SOCKET_PREFIX) || !fileName.endsWith('.sock')) return null;
  const id = fileName.slice(MODEL_SOCKET_PREFIX.length, -'.sock'.length);
  return isId(id) ? id : null;
}

export const kernelSocketPath = (socketDirectory: string = DEFAULT_SOCKET_DIRECTORY): string => `${socketDirectory}/vas_kernel.sock`;
export const supervisorSocketPath = (socketDirectory: string = DEFAULT_SOCKET_DIRECTORY): string => `${socketDirectory}/vas_supervisor.sock`;
export const coreSocketPath = (socketDirectory: string = DEFAULT_SOCKET_DIRECTORY): string => `${socketDirectory}/vas_core.sock`;
export const fleetSocketPath = (socketDirectory: string = DEFAULT_SOCKET_DIRECTORY): string => `${socketDirectory}/vas_fleet.sock`;
export const outboxSocketPath = (socketDirectory: string = DEFAULT_SOCKET_DIRECTORY): string => `${socketDirectory}/vas_outbox.sock`;
export const copierSocketPath = (socketDirectory: string = DEFAULT_SOCKET_DIRECTORY): string => `${socketDirectory}/vas_copier.sock`;
/** Where core keeps its newest events, beside the rings: shared memory outlives a process, not the machine. */
export const coreEventsPath = (ringDirectory: string = DEFAULT_RING_DIRECTORY): string => `${ringDirectory}/vas_core_events`;
