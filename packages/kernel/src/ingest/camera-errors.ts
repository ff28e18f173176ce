// Says in Ruth's words why a camera could not be opened or read. Messages never hold the URL's credentials.
import { connect } from 'node:net';
import { RuthError } from '@ruth/protocol';
import { FFmpegError } from 'node-av/lib';
import {
  AVERROR_HTTP_BAD_REQUEST, AVERROR_HTTP_FORBIDDEN, AVERROR_HTTP_NOT_FOUND, AVERROR_HTTP_OTHER_4XX, AVERROR_HTTP_SERVER_ERROR, AVERROR_HTTP_UNAUTHORIZED,
} from 'node-av/constants';

const RTSP_PORT = 554;
const RTSPS_PORT = 322;

/** Why `openInput` failed with `status`. Looks itself whether anything listens, for FFmpeg tells refused, mute and nonsense alike. */
export async function openError(status: number, url: string, timeoutMs: number): Promise<RuthError> {
  const { hostname, port, protocol } = new URL(url);
  const portNumber = port === '' ? (protocol === 'rtsps:' ? RTSPS_PORT : RTSP_PORT) : Number(port);
  const address = `${hostname}:${portNumber}`;
  switch (status) {
    case AVERROR_HTTP_UNAUTHORIZED:
    case AVERROR_HTTP_FORBIDDEN:
      return new RuthError('camera_unauthorized', `${address} refuses these credentials`);
    case AVERROR_HTTP_NOT_FOUND:
      return new RuthError('camera_protocol', `${address} knows no stream of this path (404)`);
    case AVERROR_HTTP_BAD_REQUEST:
    case AVERROR_HTTP_OTHER_4XX:
    case AVERROR_HTTP_SERVER_ERROR:
      return new RuthError('camera_protocol', `${address} answered with an error: ${FFmpegError.strerror(status)}`);
  }
  const problem = await connectProblem(hostname.replace(/^\[|\]$/g, ''), portNumber, timeoutMs);
  if (problem !== null) return new RuthError('camera_unreachable', `${address} cannot be reached: ${problem}`);
  return new RuthError('camera_protocol', `${address} accepts connections but does not answer as an RTSP camera does (${FFmpegError.strerror(status)})`);
}

/** Why reading failed in the middle of a stream. */
export function readError(status: number): RuthError {
  if (new FFmpegError(status).isEOF) return new RuthError('camera_unreachable', 'the camera ended the stream');
  return new RuthError('camera_unreachable', `the connection broke: ${FFmpegError.strerror(status)}`);
}

/** True where a read may simply be tried again. */
export const isTransient = (status: number): boolean => new FFmpegError(status).isEAGAIN;

function connectProblem(host: string, port: number, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const settle = (problem: string | null): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.once('connect', () => settle(null));
    socket.once('timeout', () => settle(`no answer within ${timeoutMs} ms`));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED' ? 'connection refused' : error.message));
  });
}
