// A mosquitto of a test's own, on a free port of loopback, that can be stopped and started again.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';

const PROGRAM = '/usr/sbin/mosquitto';
export const noBroker = existsSync(PROGRAM) ? false : 'mosquitto is not installed (apt-get install mosquitto)';

export class Broker implements AsyncDisposable {
  readonly url: string;
  readonly #config: string;
  readonly #directory: string;
  #child: ChildProcess | null = null;

  private constructor(directory: string, port: number, settings: string) {
    this.#directory = directory;
    this.#config = join(directory, 'mosquitto.conf');
    this.url = `mqtt://127.0.0.1:${port}`;
    writeFileSync(this.#config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n${settings}`);
  }

  /** `settings`: more lines of its configuration. */
  static async start(settings = ''): Promise<Broker> {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    await new Promise((resolve) => { holder.close(resolve); });
    const broker = new Broker(mkdtempSync(join(tmpdir(), 'ruth-broker-')), port, settings);
    await broker.up();
    return broker;
  }

  async up(): Promise<void> {
    this.#child = spawn(PROGRAM, ['-c', this.#config], { stdio: 'ignore' });
    for (const end = performance.now() + 20_000; ;) {
      const client = await connectAsync(this.url, { reconnectPeriod: 0 }, false).catch(() => null);
      if (client) return void await client.endAsync(true);
      if (performance.now() > end) throw new Error('mosquitto does not answer');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async down(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** What a client hears: the newest text of each topic, and every message in order. */
  async listen(topic: string): Promise<{ client: MqttClient; newest: Map<string, string>; heard: { topic: string; text: string; retained: boolean }[] } & AsyncDisposable> {
    const client = await connectAsync(this.url, { reconnectPeriod: 100 });
    const newest = new Map<string, string>();
    const heard: { topic: string; text: string; retained: boolean }[] = [];
    client.on('message', (name, payload, { retain }) => {
      newest.set(name, payload.toString());
      heard.push({ topic: name, text: payload.toString(), retained: retain });
    });
    await client.subscribeAsync(topic);
    return { client, newest, heard, [Symbol.asyncDispose]: () => client.endAsync(true) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
