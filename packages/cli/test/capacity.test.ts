// How many more cameras a machine carries: by what was measured, and only by that.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Capacity, RuthError, validator, type SubscriptionStatus } from '@ruth/protocol';
import { capacityOf, capacityText, CapacityWatch, type NodeSample } from '../src/index.ts';

const GB = 1e9;
const LIMITS = { maxAgeDays: null, minFreeBytes: 2 * GB };
const looking = (camera: string, over: Partial<SubscriptionStatus> = {}): SubscriptionStatus => ({ camera_id: camera, model_id: 'finder', state: 'running', desired_fps: 5, achieved_fps: 5, due: 0, sent: 0, answered: 0, failed: 0, drops: {}, latency_ms: null, last_error: null, ...over });

/** Two cameras on four cores: half a core for each in its process, a core in the container, and half a core that is somebody else's. */
function sampleAt(atS: number, over: Partial<NodeSample> = {}): NodeSample {
  return {
    atS, at: 1.7e9 + atS, cores: 4, idleS: 100 + (4 - 2.5) * atS, memory: { available: 6 * GB, total: 8 * GB },
    cpuS: new Map([['camera a 11', 0.5 * atS], ['camera b 12', 0.5 * atS], ['container finder 13', atS]]),
    cameras: ['a', 'b'].map((id) => ({ id, recordedBytes: atS * 1e6, residentBytes: 100e6 })), subscriptions: [looking('a'), looking('b')],
    storage: { directory: '/recordings', bytes: 100 * GB, segments: 1, free_bytes: 402 * GB, total_bytes: 1000 * GB, state: 'ok', message: null, repaired: null }, diskBusyS: atS * 0.1, ...over,
  };
}

describe('the capacity of a machine', () => {
  it('is told by what cameras took on average, and by what ends first', () => {
    const capacity = capacityOf(sampleAt(0), sampleAt(60), LIMITS);
    assert.deepEqual(validator(Capacity).violations(capacity), []);
    const room = Object.fromEntries(capacity.resources.map(({ kind, more_cameras }) => [kind, more_cameras]));
    // 3.4 cores may be busy, 2.5 are; a camera takes one. 0.75 of the disk's time is left, a camera takes 0.05 of it.
    assert.deepEqual(room, { cpu: 0, memory: 52, model: null, disk_writes: 15, disk_space: null });
    assert.deepEqual([capacity.more_cameras, capacity.resources[capacity.limited_by!]!.kind, capacity.cameras, capacity.over_s], [0, 'cpu', 2, 60]);
    assert.equal(capacity.message, 'No room for another camera like the 2 there; the CPU ends first');
    const idle = (atS: number): NodeSample => sampleAt(atS, { cores: 16, idleS: 100 + (16 - 2.5) * atS });
    assert.equal(capacityOf(idle(0), idle(60), LIMITS).message, 'Room for about 11 more cameras like the 2 there; the CPU ends first');
    assert.match(capacityText(capacity), /^No room[^]*\ncpu +0 +2\.5 of 4 cores are busy, 2\.0 of them with this node\n[^]*model finder +- +It keeps up with 10\.0 looks a second/);
  });

  it('is that of the disk where so many days are asked for', () => {
    // 2 MB/s are 172.8 GB a day; 500 GB hold 2.9 days.
    const idle = { cores: 64, cpuS: new Map([['camera a 11', 1]]) };
    const space = (maxAgeDays: number) => capacityOf(sampleAt(0, idle), sampleAt(60, { ...idle, idleS: 100 + 63 * 60, cpuS: new Map([['camera a 11', 2]]) }), { ...LIMITS, maxAgeDays }).resources.find(({ kind }) => kind === 'disk_space')!;
    assert.deepEqual([space(1).more_cameras, space(2).more_cameras, space(7).more_cameras], [3, 0, 0]);
    assert.match(space(7).message, /the disk holds 2\.9 days; wanted: 7 days$/);
    assert.match(space(1).message, /; wanted: 1 day$/);
  });

  it('is told in hours, or minutes, where the disk is small', () => {
    const held = (bytes: number): string => {
      const storage = { ...sampleAt(0).storage, bytes: 0, free_bytes: LIMITS.minFreeBytes + bytes };
      return capacityOf(sampleAt(0, { storage }), sampleAt(60, { storage }), { ...LIMITS, maxAgeDays: null }).resources.find(({ kind }) => kind === 'disk_space')!.message;
    };
    // 2 MB/s.
    assert.match(held(21.6 * GB), /the disk holds 3 hours, /);
    assert.match(held(0.24 * GB), /the disk holds 2 minutes, /);
  });

  it('is none where a model does not keep up, with the reason', () => {
    const cut = sampleAt(60, { subscriptions: [looking('a', { achieved_fps: 3, shortfall: { cause: 'overloaded', fps: 2, message: 'the model cannot serve all' } }), looking('b')] });
    const model = capacityOf(sampleAt(0), cut, LIMITS).resources.find(({ kind }) => kind === 'model')!;
    assert.deepEqual([model.more_cameras, model.message], [0, 'It looks less often than it should at 1 of 2 cameras: the model cannot serve all']);
    const dark = sampleAt(60, { subscriptions: [looking('a', { achieved_fps: 3, shortfall: { cause: 'too_few_frames', fps: 2, message: '' } })] });
    assert.equal(capacityOf(sampleAt(0), dark, LIMITS).resources.find(({ kind }) => kind === 'model')!.more_cameras, null, 'a camera that sends fewer pictures says nothing of the model');
  });

  it('is not told of a model that does not look: it may be down', () => {
    const down = sampleAt(60, { subscriptions: [looking('a', { achieved_fps: 0, shortfall: { cause: 'no_container', fps: 5, message: '' } })] });
    const model = capacityOf(sampleAt(0), down, LIMITS).resources.find(({ kind }) => kind === 'model')!;
    assert.deepEqual([model.more_cameras, model.per_camera, model.message], [null, null, 'Cannot tell: it does not look at all at the moment']);
  });

  it('is not guessed before there are figures, and not from what cannot be seen', async () => {
    for (const [before, now, message] of [[null, null, /yet/], [sampleAt(0), sampleAt(5), /yet/], [sampleAt(0, { cameras: [] }), sampleAt(60), /no camera/]] as const) {
      const capacity = capacityOf(before, now, LIMITS);
      assert.deepEqual([capacity.more_cameras, capacity.limited_by, capacity.resources], [null, null, []]);
      assert.match(capacity.message, message);
    }
    const blind = { cpuS: new Map<string, number>(), memory: null, diskBusyS: null, storage: { ...sampleAt(0).storage, state: 'off' as const } };
    const capacity = capacityOf(sampleAt(0, blind), sampleAt(60, blind), LIMITS);
    assert.deepEqual(capacity.resources.map(({ more_cameras }) => more_cameras), [null, null, null, null, null]);
    assert.equal(capacity.message, 'Cannot tell: nothing could be measured');
    // A process that was started again counts from there.
    const again = sampleAt(60, { cpuS: new Map([['camera a 99', 1000], ['camera b 12', 30]]) });
    assert.equal(capacityOf(sampleAt(0), again, LIMITS).resources[0]!.per_camera, 0.25);

    let away = true;
    let samples = 0;
    const stop = new AbortController();
    const watch = new CapacityWatch({ limits: () => LIMITS, intervalMs: 1, sample: async () => { if (away) throw new RuthError('unreachable', 'nobody answers'); return sampleAt(20 * samples++); } });
    const running = watch.run(stop.signal);
    const until = async (holds: () => boolean): Promise<void> => { while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 5); }); };
    await until(() => { try { watch.capacity(); return false; } catch (error) { return (error as RuthError).code === 'unreachable'; } });
    away = false;
    await until(() => { try { return watch.capacity().over_s === 160; } catch { return false; } });
    stop.abort();
    await running;
  });
});
