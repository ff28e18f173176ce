// The process of one camera. Forked by the kernel, which tells it over the IPC channel what to read and what is wanted.
import { runProcess, type Logger } from '@ruth/transport';
import { Log } from 'node-av/lib';
import { AV_LOG_QUIET } from 'node-av/constants';
import { CameraIngest } from './camera-ingest.ts';
import type { FromIngest, ToIngest } from './messages.ts';

/** Resolves when the message is written to the channel; a kernel that is gone takes none, and `disconnect` ends this process. */
function send(message: FromIngest): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send!(message, undefined, undefined, () => resolve());
    else resolve();
  });
}

await runProcess('ingest', async ({ logger, signal }) => {
  // FFmpeg prints URLs with their credentials.
  Log.setLevel(AV_LOG_QUIET);
  let ingest: CameraIngest | null = null;
  const started = new Promise<CameraIngest>((resolve) => {
    process.on('message', (message: ToIngest) => {
      if (message.type === 'start') {
        const log = logger.child({ camera: message.settings.cameraId }, { level: message.logLevel });
        ingest = new CameraIngest({ settings: message.settings, logger: log, send, onHang: () => hang(log) });
        ingest.want(message.wants);
        resolve(ingest);
      } else ingest?.want(message.wants);
    });
  });
  const stopped = new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }));
  await (await Promise.race([started, stopped]))?.run(signal);
});

function hang(logger: Logger): void {
  logger.error({ code: 'camera_stalled' }, 'FFmpeg does not return; this process ends and is restarted');
  process.exit(1);
}
