// What pipes of one direction carried, closed ones too. mediasoup counts for each transport while it is open, so it is looked at now and then.
import type { types } from 'mediasoup';

type Counted = 'bytesSent' | 'bytesReceived';

export class PipeBytes {
  readonly #open = new Map<types.PipeTransport, { readonly what: Counted; seen: number }>();
  #total = 0;

  get pipes(): number { return this.#open.size; }

  add(transport: types.PipeTransport, what: Counted): void { this.#open.set(transport, { what, seen: 0 }); }

  /** False where it was removed before. */
  remove(transport: types.PipeTransport): boolean { return this.#open.delete(transport); }

  /** Null where it has ended. */
  async look(transport: types.PipeTransport): Promise<types.PipeTransportStat | null> {
    const [stats] = await transport.getStats().catch(() => []);
    const counted = this.#open.get(transport);
    if (!stats || !counted) return null;
    this.#total += Math.max(0, stats[counted.what] - counted.seen);
    counted.seen = Math.max(counted.seen, stats[counted.what]);
    return stats;
  }

  async total(): Promise<number> {
    await Promise.all([...this.#open.keys()].map((transport) => this.look(transport)));
    return this.#total;
  }
}
