// Which fragments of fMP4 a player can begin with, wherever they say it; and who is handed what by Fmp4Viewers when one of many is slow.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { beginsWithKeyframe, Fmp4Viewers, MAX_FMP4_VIEWERS } from '@ruth/transport';

const KEY = 0x02000000;
const OTHER = 0x01010000;

const box = (type: string, ...parts: readonly (readonly number[] | Buffer)[]): Buffer => {
  const contents = Buffer.concat(parts.map((part) => (part instanceof Buffer ? part : Buffer.from(Uint32Array.from(part).buffer).swap32())));
  return Buffer.concat([Buffer.from(Uint32Array.of(8 + contents.length).buffer).swap32(), Buffer.from(type, 'latin1'), contents]);
};
const moof = (tfhd: readonly number[], trun: readonly number[]): Buffer => Buffer.concat([
  box('prft', [0, 1, 2]), box('moof', box('mfhd', [0, 1]), box('traf', box('tfhd', tfhd), box('tfdt', [0, 0]), box('trun', trun))), box('mdat', Buffer.alloc(9)),
]);

describe('a fragment', () => {
  for (const [where, of] of [
    ['of each sample', (flags) => moof([0x020000, 1], [0x000f01, 2, 0, 3600, 9, flags, 0, 3600, 9, OTHER, 0])],
    ['of each sample, and nothing else', (flags) => moof([0, 1], [0x000400, 1, flags])],
    ['of the first sample', (flags) => moof([0x020020, 1, OTHER], [0x000205, 2, 0, flags, 9, 9])],
    ['of all samples', (flags) => moof([0x020038, 1, 3600, 9, flags], [0x000001, 1, 0])],
    ['of all samples, behind all that may stand before', (flags) => moof([0x00003b, 1, 0, 0, 1, 3600, 9, flags], [0, 1])],
  ] as const satisfies readonly [string, (flags: number) => Buffer][]) {
    it(`is one to begin with or not, where that is said ${where}`, () => {
      assert.deepEqual([beginsWithKeyframe(of(KEY)), beginsWithKeyframe(of(OTHER))], [true, false]);
    });
  }

  it('that does not say it, or is none, is refused', () => {
    assert.throws(() => beginsWithKeyframe(moof([0, 1], [0, 1])), { code: 'stream_corrupt', message: /does not say/ });
    const whole = moof([0, 1], [0x000400, 1, KEY]);
    for (const bytes of [Buffer.alloc(0), Buffer.from('an init segment'), Buffer.alloc(64), whole.subarray(0, 40), box('moof', box('traf')), box('ftyp', [1]), box('moof', box('traf', box('trun', [0x000400])))]) {
      assert.throws(() => beginsWithKeyframe(bytes), { code: 'stream_corrupt', message: /no fragment/ }, bytes.toString('hex'));
    }
  });
});

class Socket extends EventEmitter {
  bufferedAmount = 0;
  readonly got: string[] = [];
  closed: number | null = null;
  send(data: string | Buffer): void { this.got.push(data.toString()); }
  close(code: number): void { this.closed = code; }
  terminate(): void { this.emit('close'); }
}

describe('viewers of one camera', () => {
  const made = (): { viewers: Fmp4Viewers<Socket>; left: Socket[]; send: (name: string, keyframe?: boolean) => void } => {
    const left: Socket[] = [];
    const viewers = new Fmp4Viewers<Socket>((socket) => left.push(socket));
    return { viewers, left, send: (name, keyframe = false) => viewers.send(Buffer.from(name), keyframe) };
  };

  it('get the pictures since the last keyframe, then all that come; where too many are kept, the next keyframe', () => {
    const { viewers, send } = made();
    const [early, late, last] = [new Socket(), new Socket(), new Socket()];
    viewers.add(early);
    assert.deepEqual(early.got, []);
    viewers.begin({ init: 'init', segment: Buffer.from('segment') });
    send('lost');
    for (const name of ['k1', 'k2']) send(name, true);
    send('p3');
    viewers.add(late);
    send('p4');
    assert.deepEqual([early.got, late.got], [['init', 'segment', 'k1', 'k2', 'p3', 'p4'], ['init', 'segment', 'k2', 'p3', 'p4']]);
    viewers.send(Buffer.alloc(17 << 20), false);
    viewers.add(last);
    send('p6');
    send('k7', true);
    assert.deepEqual(last.got, ['init', 'segment', 'k7']);
  });

  it('lose pictures up to a keyframe each by itself; who leaves is told of, once', () => {
    const { viewers, left, send } = made();
    const [slow, quick] = [new Socket(), new Socket()];
    for (const socket of [slow, quick]) viewers.add(socket);
    viewers.begin({ init: 'init', segment: Buffer.from('segment') });
    send('k1', true);
    slow.bufferedAmount = 5 << 20;
    send('p2');
    send('k3', true);
    slow.bufferedAmount = 0;
    send('p4');
    send('k5', true);
    assert.deepEqual([slow.got.slice(2), quick.got.slice(2)], [['k1', 'k5'], ['k1', 'p2', 'k3', 'p4', 'k5']]);
    assert.deepEqual(viewers.counters, { droppedFragments: 3, closedViewers: 0 });
    slow.terminate();
    viewers.close(1001, 'over');
    slow.emit('close');
    assert.deepEqual([left, viewers.size, quick.closed], [[slow, quick], 0, 1001]);
  });

  it('are so many and no more', () => {
    const { viewers } = made();
    for (let viewer = 0; viewer < MAX_FMP4_VIEWERS; viewer++) assert.ok(viewers.add(new Socket()));
    const one = new Socket();
    assert.deepEqual([viewers.add(one), one.closed, viewers.size], [false, 1013, MAX_FMP4_VIEWERS]);
  });
});
