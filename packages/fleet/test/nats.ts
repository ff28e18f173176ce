// A real NATS server with JetStream for a test: one, or a cluster of three, in a folder of its own. Each can be killed, stopped and started again.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect as tcpConnect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const PROGRAM = ['/usr/sbin/nats-server', '/usr/bin/nats-server'].find((path) => existsSync(path));
const START_LIMIT_MS = 60_000;

export const natsMissing = (): string | false => (PROGRAM ? false : 'nats-server is missing: apt-get install nats-server');

export class Nats implements AsyncDisposable {
  readonly url: string;
  /** Serves /varz and the like. */
  readonly monitorUrl: string;
  readonly #args: string[];
  #process: ChildProcess | null = null;

  private constructor(url: string, monitorUrl: string, args: string[]) {
    this.url = url;
    this.monitorUrl = monitorUrl;
    this.#args = args;
  }

  static async start(): Promise<Nats> { return (await Nats.cluster(1))[0]!; }

  static async cluster(count: number): Promise<Nats[]> {
    const ports = await freePorts(count * 3);
    const routes = ports.slice(count, 2 * count).map((port) => `nats-route://127.0.0.1:${port}`).join(',');
    const servers = ports.slice(0, count).map((port, index) => {
      const args = ['-js', '-sd', mkdtempSync(join(tmpdir(), 'ruth-nats-')), '-a', '127.0.0.1', '-p', String(port), '-n', `n${index}`, '-m', String(ports[2 * count + index])];
      if (count > 1) args.push('--cluster_name', 'site', '--cluster', `nats://127.0.0.1:${ports[count + index]}`, '--routes', routes);
      return new Nats(`nats://127.0.0.1:${port}`, `http://127.0.0.1:${ports[2 * count + index]}`, args);
    });
    await Promise.all(servers.map((server) => server.run()));
    return servers;
  }

  /** Starts it, or starts it again: what it kept is there. */
  async run(): Promise<void> {
    this.#process = spawn(PROGRAM!, this.#args, { stdio: 'ignore' });
    const port = Number(new URL(this.url).port);
    const endsAt = Date.now() + START_LIMIT_MS;
    while (!await accepts(port)) {
      if (Date.now() > endsAt) throw new Error('nats-server does not listen');
      await delay(30);
    }
  }

  /** Where it keeps what it is told. */
  get directory(): string { return this.#args[2]!; }

  get pid(): number { return this.#process!.pid!; }

  signal(name: NodeJS.Signals): void { this.#process?.kill(name); }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#args[2]!, { recursive: true, force: true });
  }
}

/** The way of one node to NATS, which can be cut: what was under way is lost, and no new connection comes through. */
export class Link implements AsyncDisposable {
  readonly #server = createServer({ pauseOnConnect: true }, (socket) => this.#join(socket));
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #cut = false;
  #deaf = false;

  constructor(targetPort: number) { this.#targetPort = targetPort; }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** As where a cable is pulled: nobody is told. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** What the node sends arrives, and it does not hear of it. */
  loseAnswers(): void { this.#deaf = true; }

  mend(): void {
    this.#cut = this.#deaf = false;
    // What waited in them is too old to be true.
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket): void {
    const far = tcpConnect(this.#targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (data) => { if (!this.#cut) far.write(data); });
    far.on('data', (data) => { if (!this.#cut && !this.#deaf) near.write(data); });
    if (!this.#cut) near.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = tcpConnect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

/** Below those that a machine gives to whoever asks for any: nobody is given one of these while a server is down that comes back to it. */
const PORTS = { first: 16_000, count: 16_000 };

export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if (await canListen(port)) ports.add(port);
  }
  return [...ports];
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => { server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)); });
  if (listens) await new Promise((resolve) => { server.close(resolve); });
  return listens;
}
