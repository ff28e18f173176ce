// Two kernels of a site, joined for a camera that one of them has, as the servers of both nodes do it.
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import type { Kernel } from '../src/index.ts';
import { until } from './test-kernel.ts';

/** Of ruth.yaml: a kernel by itself knows no pipes. */
export const SITE = { site: { nats: ['nats://127.0.0.1:4222'] } };

/** What the servers of both nodes do: they hand messages on, and tell the sender's kernel where the receiver listens. */
export class Joined implements Disposable {
  readonly said: string[] = [];
  readonly receiver: WebSocket;
  sender: WebSocket | null = null;
  closed: { code: number; reason: string } | null = null;

  constructor(from: Kernel, to: Kernel, id: string, change: (message: Record<string, unknown>) => Record<string, unknown> = (message) => message, toward = '127.0.0.1') {
    this.receiver = new WebSocket(`ws+unix:${to.socketPath}:/v1/piped/${id}?toward=${encodeURIComponent(toward)}`);
    this.receiver.on('error', () => undefined);
    this.receiver.on('message', (data: Buffer) => {
      const message = change(JSON.parse(data.toString()) as Record<string, unknown>);
      this.said.push(String(message.type));
      if (message.type === 'ready') return;
      if (message.type !== 'listen') return void this.#opened.then((sender) => sender.send(JSON.stringify(message)));
      const sender = this.sender = new WebSocket(`ws+unix:${from.socketPath}:/v1/cameras/${id}/pipe?address=${String(message.address)}&port=${String(message.port)}`);
      sender.on('open', () => this.#open.resolve(sender));
      sender.on('error', () => undefined);
      sender.on('message', (answer: Buffer) => this.receiver.send(answer.toString()));
      sender.on('close', (code, reason) => {
        this.closed ??= { code, reason: reason.toString() };
        this.receiver.terminate();
      });
    });
    this.receiver.on('close', (code, reason) => {
      this.closed ??= { code, reason: reason.toString() };
      this.sender?.terminate();
    });
  }

  readonly #open = Promise.withResolvers<WebSocket>();
  get #opened(): Promise<WebSocket> { return this.#open.promise; }

  async ready(): Promise<this> {
    await until(() => this.said.includes('ready') || this.closed !== null, Boolean, 'pictures come over the pipe');
    assert.equal(this.closed, null);
    return this;
  }

  [Symbol.dispose](): void {
    this.receiver.terminate();
    this.sender?.terminate();
  }
}
