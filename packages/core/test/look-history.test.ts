// Looks that are kept for an hour, and rules that are tried on them: they must say what they would have said live.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RuleTest, validator, type CoreEvent, type Look, type RuleConfig, type SceneConfig } from '@ruth/protocol';
import type { EventContent } from '@ruth/transport';
import { CameraHistory, entriesIn, LookHistory, NO_THRESHOLDS, rehearse, RuleTests, Understanding, type KeptLooks } from '../src/index.ts';
import { BEGIN, boxAt, every, walk, type Walker } from './walks.ts';

const scene: SceneConfig = { zones: [{ id: 'mat', polygon: [[0.4, 0.4], [0.9, 0.4], [0.9, 1], [0.4, 1]] }], lines: [{ id: 'sill', points: [[0.5, 0], [0.5, 1]] }] };
const rules: Omit<RuleConfig, 'camera'>[] = [{ id: 'stays', when: 'person in zone "mat" for 5 s then event "stays" severity high' }, { id: 'crosses', when: 'person crosses line "sill" then event "over the sill"' }];
const models = { finder: { detects: true, keypoint_names: [], thresholds: NO_THRESHOLDS } };
const NOTHING_TOLD = new AbortController().signal;

const lookAt = (timeS: number, walkers: readonly Walker[], over: Partial<Look> = {}): Look => ({
  camera_id: 'front', model_id: 'finder', frame_id: Math.round(timeS * 1000), captured_at: BEGIN + timeS, pts_us: Math.round(timeS * 1e6), epoch: 0, width: 1920, height: 1080, metadata: {}, error: null, error_code: null,
  detections: walkers.flatMap((walker) => {
    const at = walker(timeS);
    return at ? [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox: boxAt(at.x, at.y, at.height) }] : [];
  }), ...over,
});

const entriesOf = ({ names, parts }: KeptLooks) => [...entriesIn(Buffer.concat(parts), names, 'front')];
const span = { cameraId: 'front', start: BEGIN, end: BEGIN + 3600, keptSince: BEGIN, detects: (id: string) => id === 'finder', keypointNames: () => [], thresholds: () => NO_THRESHOLDS };

describe('looks that are kept', () => {
  it('come back as they were given, all that is understood of them, in their order', () => {
    const history = new CameraHistory(new LookHistory({ chunkBytes: 256 }));
    const found = { class_id: 3, class_name: 'dog', confidence: 0.5, bbox: [0.25, 0.5, 0.75, 1] as [number, number, number, number] };
    const look = lookAt(1, [], { detections: [found, { ...found, class_name: 'cat', class_id: 4 }] });
    const posed = lookAt(2, [], { model_id: 'poser', epoch: 2, detections: [{ ...found, keypoints: [[0.5, 0.25, 1], [-0.5, 1.25, 0]] }] });
    const held = { frame_id: 3000, captured_at: BEGIN + 3, pts_us: 3e6, epoch: 2 };
    history.look(look);
    history.look(posed);
    history.held('finder', held);
    history.look(lookAt(4, [], { error: 'too much', error_code: 'overloaded' }));
    history.end('could_not_look', 'poser', BEGIN + 5);
    history.end('camera_gone', null, BEGIN + 6);
    assert.deepEqual(entriesOf(history.kept()), [
      { kind: 'look', look }, { kind: 'look', look: posed }, { kind: 'held', modelId: 'finder', frame: held },
      { kind: 'failed', modelId: 'finder', frame: { frame_id: 4000, captured_at: BEGIN + 4, pts_us: 4e6, epoch: 0 } },
      { kind: 'end', modelId: 'poser', at: BEGIN + 5, reason: 'could_not_look' }, { kind: 'end', modelId: null, at: BEGIN + 6, reason: 'camera_gone' },
    ]);
  });

  it('are as many as an hour and the bytes allow, whoever made them; the oldest go first', () => {
    const all = new LookHistory({ keptS: 60, mostBytes: 4096, chunkBytes: 1024 });
    const [busy, calm] = [new CameraHistory(all), new CameraHistory(all)];
    calm.look(lookAt(0, []));
    for (const timeS of every(0.1, 10)) busy.look(lookAt(timeS, [() => ({ x: 0.5, y: 0.5 })]));
    assert.ok(all.bytes <= 4096);
    assert.equal(calm.kept().since, null, 'the oldest of all was the calm camera\'s');
    const { since } = busy.kept();
    assert.ok(since! > BEGIN + 2 && since! < BEGIN + 9, `kept since ${since! - BEGIN} s`);
    assert.equal(entriesOf(busy.kept()).length, Math.round((BEGIN + 10 - since!) * 10) + 1, 'nothing is missing since then');
    calm.look(lookAt(100, []));
    assert.equal(busy.kept().since, null, 'what is older than a minute goes, whatever room there is');
    calm[Symbol.dispose]();
    assert.equal(all.bytes, 0);
  });

  it('hold a look that is larger than a chunk, and say of one that is too large that it failed', () => {
    const history = new CameraHistory(new LookHistory({ chunkBytes: 64 }));
    const crowd = Array.from({ length: 500 }, () => () => ({ x: 0.5, y: 0.5 }));
    history.look(lookAt(1, crowd));
    history.look(lookAt(2, [], { detections: Array.from({ length: 70_000 }, () => ({ class_id: 0, class_name: 'person', confidence: 1, bbox: [0, 0, 1, 1] })) }));
    assert.deepEqual(entriesOf(history.kept()).map((entry) => (entry.kind === 'look' ? entry.look.detections.length : entry.kind)), [500, 'failed']);
  });
});

describe('rules that are tried on kept looks', () => {
  const passer = walk([0.1, 0.8], [0.7, 0.8], 20, 26);
  const history = new CameraHistory(new LookHistory());
  const live: EventContent<CoreEvent>[] = [];
  const understanding = new Understanding({ cameraId: 'front', detects: () => true, keypointNames: () => [], thresholds: () => NO_THRESHOLDS }, { scene, rules: rules.map((rule) => ({ ...rule, camera: 'front' })) });
  for (const timeS of every(0.2, 120)) {
    // From 60 s to 90 s nobody looks; one look failed.
    if (timeS > 60 && timeS < 90) continue;
    live.push(...understanding.tick(BEGIN + timeS));
    // Pictures come with more delay and less: what belongs together must be found all the same.
    const late = { captured_at: BEGIN + timeS + (Math.round(timeS * 5) % 7) / 200 };
    const look = timeS === 50 ? lookAt(timeS, [], { ...late, error: 'busy', error_code: 'overloaded' }) : lookAt(timeS, timeS >= 20 ? [passer] : [], late);
    history.look(look);
    live.push(...understanding.follow(look).events);
  }

  it('say what they would have said live, with the same instants', () => {
    const test = rehearse(entriesOf(history.kept()), { scene, rules: rules.map((rule) => ({ ...rule, camera: 'front' })) }, { ...span, end: BEGIN + 121 });
    assert.deepEqual(validator(RuleTest).violations(test), []);
    const raised = live.filter((event) => event.type === 'alert.raised');
    assert.deepEqual(test.alerts.map(({ raised: { rule, captured_at } }) => [rule, captured_at]), raised.map(({ rule, captured_at }) => [rule, captured_at]));
    assert.deepEqual(raised.map(({ rule }) => rule), ['crosses', 'stays', 'stays'], 'she is there before and after the time in which nobody looked');
    assert.deepEqual(test.alerts.map(({ cleared }) => cleared?.reason ?? null), [null, 'could_not_look', null]);
    for (const [index, alert] of test.alerts.entries()) assert.ok(Math.abs(alert.raised.recording_at - raised[index]!.recording_at) < 1e-3);
    assert.deepEqual(test.unseen.map(({ start, end }) => [Math.round(start - BEGIN), Math.round(end - BEGIN)]), [[60, 90]]);
    assert.deepEqual(test.models, [{ model_id: 'finder', looks: 451, failed: 1, held: 0 }]);
    assert.deepEqual([test.events['line.crossed'], test.events['zone.entered']], [1, live.filter(({ type }) => type === 'zone.entered').length]);
  });

  it('tell of the span alone, understand what was before it, and say what is not known of it', () => {
    const test = rehearse(entriesOf(history.kept()), { scene, rules: rules.map((rule) => ({ ...rule, camera: 'front' })) }, { ...span, start: BEGIN + 28, end: BEGIN + 40 });
    assert.deepEqual(test.alerts.map(({ raised }) => raised.rule), ['stays'], 'who came before it has stayed since');
    assert.deepEqual([test.unseen, test.events['line.crossed']], [[], undefined]);
    const early = rehearse(entriesOf(history.kept()), { scene, rules: [] }, { ...span, start: BEGIN - 100, end: BEGIN + 130 });
    assert.deepEqual(early.unseen.map(({ start, end }) => [Math.round(start - BEGIN), Math.round(end - BEGIN)]), [[-100, 0], [60, 90]]);
    const nothing = rehearse([], { scene, rules: [] }, { ...span, end: BEGIN + 50, keptSince: null });
    assert.deepEqual(nothing.unseen, [{ start: BEGIN, end: BEGIN + 50 }]);
  });

  it('are tried in a process of their own, which has a limit', async () => {
    const camera = { id: 'front', keptLooks: history.kept(), describe: () => models };
    const at = { camera, scene, timeZone: null, nowS: BEGIN + 120 };
    const test = await new RuleTests().run({ rules }, at, NOTHING_TOLD);
    assert.deepEqual([test.start, test.end, test.kept_since], [BEGIN + 120 - 3600, BEGIN + 120, BEGIN]);
    assert.deepEqual(test.alerts.map(({ raised }) => `${raised.rule} ${raised.severity}`), ['crosses medium', 'stays high', 'stays high']);
    assert.equal((await new RuleTests().run({ rules, scene: { ...scene, masks: [{ polygon: [[0, 0], [1, 0], [1, 1], [0, 1]] }] } }, at, NOTHING_TOLD)).alerts.length, 0, 'the scene may be another one, too');
    await assert.rejects(new RuleTests({ limitMs: 1 }).run({ rules }, at, NOTHING_TOLD), { code: 'timeout', message: /shorter span/ });
    await assert.rejects(new RuleTests().run({ rules }, at, AbortSignal.abort()), { code: 'cancelled' });
    await assert.rejects(new RuleTests().run({ rules: [{ id: 'x', when: 'person in zone "nowhere"' }] }, at, NOTHING_TOLD), { code: 'bad_request', message: /nowhere/ });
    await assert.rejects(new RuleTests().run({ rules, start: BEGIN + 500 }, at, NOTHING_TOLD), { code: 'bad_request', message: /before now/ });
    const tests = new RuleTests();
    const three = await Promise.allSettled([1, 2, 3].map(() => tests.run({ rules }, at, NOTHING_TOLD)));
    assert.deepEqual(three.map((one) => (one.status === 'fulfilled' ? 'done' : (one.reason as { code: string }).code)).toSorted(), ['done', 'done', 'overloaded']);
  });
});
