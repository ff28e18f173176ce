// Several recordings on one clock: who leads, who waits, and how a difference is made good. Players are played by the test.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RecordingGap, Timeline } from '@ruth/protocol';
import { nextStep, WAITS_AT_MOST_MS, type Step, type StepMember } from '@ruth/web';

const NOW_S = 100_000;
const recorded = (...spans: [start: number, end: number][]): Timeline => ({
  camera_id: 'any', start: 0, end: NOW_S, oldest: spans[0]?.[0] ?? null, newest: spans.at(-1)?.[1] ?? null, spans: spans.map(([start, end]) => ({ start, end, kept: false, bytes: 1 })),
  gaps: spans.slice(1).map(([start], index): RecordingGap => ({ start: spans[index]![1], end: start, cause: 'camera_down', message: null })),
});

/** Plays as a browser would: at the rate it is told, after a time of loading. */
class Playing {
  readonly member: { -readonly [K in keyof StepMember]: StepMember[K] };
  /** It plays a little faster or slower than it is told. */
  readonly #skew: number;
  loadingS = 0;
  constructor(cameraId: string, timeline: Timeline, skew = 1) {
    this.member = { cameraId, timeline, status: 'idle', positionS: null };
    this.#skew = skew;
  }

  obey(order: Step['orders'][number], ticksS: number): void {
    const { member } = this;
    if (member.status === 'loading') {
      this.loadingS -= ticksS;
      if (this.loadingS <= 0) member.status = 'paused';
    }
    if (order.kind === 'show') [member.positionS, member.status] = [order.atS, this.loadingS > 0 ? 'loading' : 'paused'];
    else if (order.kind === 'hold' && member.status === 'playing') member.status = 'paused';
    else if (order.kind === 'play') {
      member.status = 'playing';
      member.positionS! += order.rate * this.#skew * ticksS;
      // Media time knows no gap.
      const gap = member.timeline!.gaps.find(({ start, end }) => member.positionS! >= start && member.positionS! < end!);
      if (gap) member.positionS = gap.end;
    }
  }
}

class Group {
  readonly #members: Playing[];
  clockS: number;
  playing = true;
  rate = 1;
  waitedMs = 0;
  leaderId: string | null = null;
  last: Step | null = null;
  constructor(clockS: number, ...members: Playing[]) { [this.clockS, this.#members] = [clockS, members]; }

  run(seconds: number, each: () => void = () => undefined): void {
    for (let tick = 0; tick < seconds * 10; tick++) {
      const step = nextStep(this.#members.map(({ member }) => member), { clockS: this.clockS, leaderId: this.leaderId, playing: this.playing, rate: this.rate, waitedMs: this.waitedMs, nowS: NOW_S });
      for (const [index, order] of step.orders.entries()) this.#members[index]!.obey(order, 0.1);
      this.waitedMs = step.state === 'waiting' ? this.waitedMs + 100 : step.orders.some(({ kind }) => kind === 'wait') ? this.waitedMs : 0;
      [this.clockS, this.leaderId, this.last] = [step.clockS, step.leaderId, step];
      each();
    }
  }
}

describe('recordings in step', () => {
  it('are kept at the instant of the one that leads, at any speed, though each plays a little faster or slower', () => {
    for (const rate of [1, 8]) {
      const members = [new Playing('a', recorded([0, 1000])), new Playing('b', recorded([0, 1000]), 1.02), new Playing('c', recorded([0, 1000]), 0.97)];
      const group = new Group(100, ...members);
      group.rate = rate;
      group.run(3);
      group.run(10, () => { for (const { member } of members) assert.ok(Math.abs(member.positionS! - members[0]!.member.positionS!) < 0.08 * rate, `${member.cameraId} is at ${member.positionS}, not ${members[0]!.member.positionS}`); });
      assert.equal(group.leaderId, 'a');
      assert.ok(Math.abs(group.clockS - 100 - 13 * rate) < rate, `the clock stands at ${group.clockS}`);
    }
  });

  it('go on while one of them is in a gap; it joins again when the gap ends, and another leads where the leader is in one', () => {
    const [a, b] = [new Playing('a', recorded([0, 110], [120, 1000])), new Playing('b', recorded([0, 1000]))];
    const group = new Group(105, a, b);
    group.run(10);
    assert.equal(group.leaderId, 'b');
    assert.ok(Math.abs(group.clockS - 115) < 0.5, `the clock stands at ${group.clockS}`);
    assert.notEqual(a.member.status, 'playing');
    group.run(10);
    assert.equal(a.member.status, 'playing');
    assert.ok(Math.abs(a.member.positionS! - b.member.positionS!) < 0.08);
    assert.ok(Math.abs(group.clockS - 125) < 0.5, 'nobody waited for it');
  });

  it('go over a time in which none was recorded, and end after the last', () => {
    const group = new Group(105, new Playing('a', recorded([0, 110], [500, 510])), new Playing('b', recorded([0, 108], [502, 505])));
    group.run(8);
    assert.ok(group.clockS > 500 && group.clockS < 504, `the clock stands at ${group.clockS}`);
    group.run(10);
    assert.equal(group.last!.state, 'ended');
  });

  it('wait for one that loads, all of them, but not for ever', () => {
    const [a, b] = [new Playing('a', recorded([0, 1000])), new Playing('b', recorded([0, 1000]))];
    const group = new Group(100, a, b);
    b.loadingS = 2;
    group.run(1);
    assert.deepEqual([group.last!.state, group.clockS], ['waiting', 100]);
    group.run(3);
    assert.ok(group.last!.state === 'playing' && group.clockS > 100.5);
    [b.loadingS, b.member.status] = [60, 'loading'];
    const atS = group.clockS;
    group.run(WAITS_AT_MOST_MS / 1000 + 3);
    assert.ok(group.clockS > atS + 2 && group.clockS < atS + 4, 'the other one went on');
  });

  it('stand at the same instant when they are stopped; one that failed or plays no more holds nobody up', () => {
    const [a, b, c] = [new Playing('a', recorded([0, 1000])), new Playing('b', recorded([0, 1000]), 1.05), new Playing('c', recorded([0, 1000]))];
    const group = new Group(100, a, b, c);
    c.member.status = 'failed';
    group.run(5);
    group.playing = false;
    group.run(0.5);
    assert.deepEqual([group.last!.state, a.member.positionS, b.member.positionS], ['paused', group.clockS, group.clockS]);
    a.member.positionS! += 0.04;
    group.run(0.3);
    assert.equal(b.member.positionS, a.member.positionS, 'a step of the leader takes the others along');
  });
});
