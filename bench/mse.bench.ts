// What a camera costs its node that many watch over MSE through another node's server: each viewer with a stream of its own out of the camera's node, or one for all. Two kernels as
// processes, two servers, one PostgreSQL, a real camera, in one run. Bytes are counted where they leave the camera's node, in its server's connections; CPU is that of its kernel. Viewers are
// WebSockets of this process, as are both servers. A late viewer comes in the middle of a group of pictures.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fleetSocketPath, type SiteView } from '@ruth/protocol';
import { fastify } from 'fastify';
import { WebSocket } from 'ws';
import { Clips, launch, RealCamera } from '../packages/kernel/test/real-camera.ts';
import { postgresPrograms, startPostgres } from '../packages/server/test/postgres.ts';
import { admin, SiteNode } from '../test/end-to-end/site-node.ts';
import { cpuMs } from './process-cpu.ts';
import { quantile } from './quantile.ts';
import type { Bench } from './runner.ts';

const COUNTS = [1, 5, 10];
const WATCH_MS = 8000;
const LATE_VIEWERS = 5;
/** The init, its segment, and a picture. */
const UNTIL_A_PICTURE = 3;

export const bench: Bench = async (report) => {
  await using stack = new AsyncDisposableStack();
  const clips = stack.use(await Clips.open());
  const camera = stack.use(await RealCamera.start({ front: launch.h264(await clips.make('front.mp4', { seconds: 120, gop: 250, extra: ['-b:v', '1M', '-maxrate', '1M', '-bufsize', '500k'] })) }));
  const programs = postgresPrograms();
  if (!programs) throw new Error('PostgreSQL is missing: apt-get install postgresql');
  const { url: databaseUrl } = stack.use(await startPostgres(programs));
  const pageDirectory = clips.directory;
  const north = stack.use(await SiteNode.start({ id: 'north', cameras: [{ id: 'front', url: camera.url('front') }], databaseUrl, pageDirectory }));
  const south = stack.use(await SiteNode.start({ id: 'south', databaseUrl, pageDirectory }));
  const out = await CountedWay.to(Number(new URL(north.server.url).port));
  stack.defer(() => out.close());
  const known = { state: 'lives' as const, since: null, recorded: [] as string[] };
  const nodes: SiteView['nodes'] = { north: { ...known, own: ['front'], server_url: out.url }, south: { ...known, own: [], server_url: south.server.url } };
  for (const { id, folder } of [north, south]) {
    const fleet = fastify({ forceCloseConnections: true });
    fleet.get('/v1/site', () => ({ revision: 1, node: id, nodes, cameras: {} } satisfies SiteView));
    stack.defer(() => fleet.close());
    await fleet.listen({ path: fleetSocketPath(folder) });
  }
  const straight = await measure('a stream each', out.url, out, north, report);
  const relayed = await measure('one for all', south.server.url, out, north, report);
  return {
    ...Object.fromEntries(COUNTS.flatMap((count, index) => [
      [`each_kbps_${count}`, straight.kbps[index]], [`once_kbps_${count}`, relayed.kbps[index]], [`ratio_${count}`, Math.round(100 * relayed.kbps[index]! / straight.kbps[index]!) / 100],
      [`each_kernel_ms_per_s_${count}`, straight.cpu[index]], [`once_kernel_ms_per_s_${count}`, relayed.cpu[index]],
    ])),
    each_first_picture_ms: quantile(straight.firstMs, 0.5), each_first_picture_worst_ms: quantile(straight.firstMs, 1), once_first_picture_ms: quantile(relayed.firstMs, 0.5), once_first_picture_worst_ms: quantile(relayed.firstMs, 1),
  };
};

interface Measured { readonly kbps: number[]; readonly cpu: number[]; readonly firstMs: number[] }

async function measure(what: string, server: string, out: CountedWay, north: SiteNode, report: (line: string) => void): Promise<Measured> {
  const viewers: WebSocket[] = [];
  /** Milliseconds until it has a picture. */
  const watch = async (): Promise<number> => {
    const beganMs = performance.now();
    const viewer = new WebSocket(`${server.replace('http', 'ws')}/api/v1/cameras/front/live`, { headers: admin });
    viewers.push(viewer);
    const { promise, resolve } = Promise.withResolvers<number>();
    let messages = 0;
    viewer.on('message', () => { if (++messages === UNTIL_A_PICTURE) resolve(performance.now() - beganMs); });
    return promise;
  };
  const measured: Measured = { kbps: [], cpu: [], firstMs: [] };
  for (const count of COUNTS) {
    while (viewers.length < count) await watch();
    // What a viewer begins with is no part of it.
    await delay(1000);
    const [bytesBefore, cpuBefore, beganMs] = [out.bytes, cpuMs(north.kernelPid), performance.now()];
    await delay(WATCH_MS);
    const seconds = (performance.now() - beganMs) / 1000;
    measured.kbps.push(Math.round((out.bytes - bytesBefore) * 8 / 1000 / seconds));
    measured.cpu.push(Math.round(10 * (cpuMs(north.kernelPid) - cpuBefore) / seconds) / 10);
    report(`${what}: ${count} viewers, ${measured.kbps.at(-1)} kbit/s and ${measured.cpu.at(-1)} ms of CPU a second at the camera's node`);
  }
  for (let late = 0; late < LATE_VIEWERS; late++) {
    await delay(700);
    measured.firstMs.push(await watch());
  }
  for (const viewer of viewers) viewer.terminate();
  return measured;
}

/** The way to a server, with what comes from there counted. */
class CountedWay {
  bytes = 0;
  readonly #server;

  private constructor(port: number) {
    this.#server = createServer((from) => {
      const to = connect(port, '127.0.0.1');
      to.on('data', (data) => { this.bytes += data.length; });
      from.pipe(to).pipe(from);
      for (const socket of [from, to]) socket.setNoDelay(true).on('error', () => { from.destroy(); to.destroy(); });
    });
  }

  static async to(port: number): Promise<CountedWay> {
    const way = new CountedWay(port);
    way.#server.listen(0, '127.0.0.1');
    await once(way.#server, 'listening');
    return way;
  }

  get url(): string { return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; }

  close(): void { this.#server.close(); }
}
