// The demo camera, a process of its own: plays a clip over RTSP on loopback, without end.
//
//   node rtsp-main.ts CLIP [MOUNT] [PORT]      mount `demo` and a free port unless told; the address is in the `ready` line
//
// RUTH_RTSP_USER and RUTH_RTSP_PASSWORD, where set, are asked from clients.
import { once } from 'node:events';
import { assertId, RuthError } from '@ruth/protocol';
import { runProcess } from '@ruth/transport';
import { ClipSource, readClip, RtspServer } from './rtsp/index.ts';

await runProcess('demo-camera', async (context) => {
  const { logger, signal } = context;
  const [path, mount = 'demo', port = '0'] = context.positionals;
  if (path === undefined) throw new RuthError('bad_request', 'usage: node rtsp-main.ts CLIP [MOUNT] [PORT]');
  assertId(mount, 'mount');
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new RuthError('bad_request', `port ${JSON.stringify(port)} is none; use 0 to 65535`);
  const user = process.env.RUTH_RTSP_USER;
  const password = process.env.RUTH_RTSP_PASSWORD;

  const clip = await readClip(path);
  using source = new ClipSource(clip);
  await using server = await RtspServer.listen({
    port: Number(port),
    source: (name) => (name === mount ? source : null),
    credentials: user !== undefined && password !== undefined ? { user, password } : undefined,
    onError: (error) => logger.error({ code: error.code, err: error }, error.message),
  });
  context.ready({ url: server.url(mount), codec: clip.video.codec, duration_s: clip.durationUs / 1e6 });
  if (!signal.aborted) await once(signal, 'abort');
  logger.info({ ...server.counters, interruptions: source.interruptions }, 'served');
});
