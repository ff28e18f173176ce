// Parts of the console that need no browser: the order of cameras, the overlay's choice, events in words.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LookLatencies, SceneConfig, SystemHealth } from '@ruth/protocol';
import { alikeEnds, arranged, changesOf, dropSums, EVERY_EVENT, eventApiQuery, eventFilterQuery, eventWords, EVERYTHING, isCompact, isWanted, parseEventFilter, processTree, suitingColumns, suitingRows, latenciesBetween, neighbourEvent, quantileMs } from '@ruth/web';
import { camera, subscription } from '../../server/test/stand-ins.ts';

describe('the grid', () => {
  it('puts cameras in the order that was kept; one that is new comes last, one that is gone is left out', () => {
    assert.deepEqual(arranged(['a', 'b', 'c', 'd'], ['c', 'gone', 'a'], (id) => id), ['c', 'a', 'b', 'd']);
    assert.deepEqual(arranged(['a', 'b'], [], (id) => id), ['a', 'b']);
  });

  it('has as many columns as suit one to thirty-six cameras', () => {
    assert.deepEqual([1, 2, 3, 4, 5, 9, 10, 16, 17, 25, 26, 36, 100].map(suitingColumns), [1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 6]);
    assert.deepEqual([[1, 1], [5, 3], [36, 6], [100, 6]].map(([count, columns]) => suitingRows(count!, columns!)), [1, 2, 6, 6]);
    assert.deepEqual([isCompact(4, 2), isCompact(5, 3), isCompact(1, 3)], [false, true, false]);
  });
});

describe('the overlay\'s choice', () => {
  const person = { class_id: 0, class_name: 'person', confidence: 0.5, bbox: [0, 0, 1, 1] } as const;
  it('leaves out what is not sure enough, classes that were hidden, and what a mask hides', () => {
    assert.ok(isWanted({ ...person, bbox: [0, 0, 1, 1] }, { ...EVERYTHING, threshold: 0.5 }));
    assert.ok(!isWanted({ ...person, bbox: [0, 0, 1, 1] }, { ...EVERYTHING, threshold: 0.55 }));
    assert.ok(!isWanted({ ...person, bbox: [0, 0, 1, 1] }, { ...EVERYTHING, hiddenClasses: ['person'] }));
    const scene: SceneConfig = { masks: [{ polygon: [[0.4, 0.9], [0.6, 0.9], [0.5, 1]] }] };
    const standing = { ...person, bbox: [0.4, 0, 0.6, 0.95] as [number, number, number, number] };
    assert.ok(!isWanted(standing, EVERYTHING, scene), 'a mask hides who stands in it');
    assert.ok(isWanted({ ...standing, bbox: [0.4, 0, 0.6, 0.8] }, EVERYTHING, scene) && isWanted(standing, { ...EVERYTHING, masked: true }, scene));
    for (const over of [{ hides: ['motion'] as ['motion'] }, { classes: ['car'] }]) assert.ok(isWanted(standing, EVERYTHING, { masks: [{ ...scene.masks![0]!, ...over }] }));
    assert.deepEqual([changesOf(EVERYTHING), changesOf({ ...EVERYTHING, hiddenClasses: ['cat'], opacity: 0.5 })], [0, 2]);
  });
});

describe('an event in words', () => {
  it('never says of what could not be looked at that it is gone', () => {
    const track = { id: 3, class_id: 0, class_name: 'car', confidence: 0.9, bbox: [0, 0, 0.1, 0.1] as [number, number, number, number], first_seen: 10, last_seen: 70 };
    const ended = { id: 1, version: 1, at: 70, type: 'track.ended', camera_id: 'front', model_id: 'detector', frame_id: 5, captured_at: 70, track } as const;
    assert.equal(eventWords({ ...ended, reason: 'gone' }).title, 'car #3 is gone, after 1 min');
    assert.equal(eventWords({ ...ended, reason: 'could_not_look' }).title, 'car #3 was lost: could not look, after 1 min');
  });
});

describe('the events on a timeline', () => {
  it('are jumped to so that is seen how they came about, from what is shown and never to it again', () => {
    const events = [{ at: 100 }, { at: 110 }, { at: 110.2 }, { at: 150 }];
    assert.deepEqual([neighbourEvent(events, 0, 1), neighbourEvent(events, 98, 1), neighbourEvent(events, 108, 1), neighbourEvent(events, 148, 1)], [98, 108, 148, null]);
    assert.deepEqual([neighbourEvent(events, 148, -1), neighbourEvent(events, 108, -1), neighbourEvent(events, 98, -1)], [108.2, 98, null]);
  });
});

describe('the processes of a node', () => {
  const front = camera('front', { state: 'stalled', pid: 9, last_error: { code: 'camera_stalled', message: 'no packet for 10 s', at: 1 } });
  const kernel = { name: 'kernel', state: 'crash_loop', pid: null, since: 1, reason: 'killed by SIGKILL', restarts: 4, ends: [{ at: 1, reason: 'a' }, { at: 2, reason: 'b' }], resident_bytes: null, cpu_s: null } as const;

  it('are a tree: the cameras hang from the kernel, and the newest end comes first', () => {
    const [root, core] = processTree([{ ...kernel, ends: [...kernel.ends] }, { ...kernel, name: 'core', state: 'ready', ends: [] }], [front], null);
    assert.deepEqual([root!.tone, root!.state, root!.ends[0]!.reason], ['bad', 'crash loop', 'b']);
    assert.deepEqual(root!.children.map(({ name, tone, reason }) => [name, tone, reason]), [['camera front', 'bad', 'no packet for 10 s']]);
    assert.deepEqual([core!.tone, core!.children.length], ['good', 0]);
  });

  it('that end again and again for one reason are told of once, with how often and since when', () => {
    const ends = [{ at: 5, reason: 'it is no ONNX file' }, { at: 35, reason: 'it is no ONNX file' }, { at: 20, reason: 'killed' }];
    assert.deepEqual(alikeEnds(processTree([{ ...kernel, name: 'container broken', ends }, { ...kernel, name: 'core', ends: [{ at: 30, reason: 'killed' }] }], [], null)).map(({ name, reason, at, firstAt, times }) => [name, reason, at, firstAt, times]), [
      ['container broken', 'it is no ONNX file', 35, 5, 2], ['core', 'killed', 30, 30, 1], ['container broken', 'killed', 20, 20, 1],
    ]);
  });

  it('are told by themselves where no supervisor watches them', () => {
    const health: SystemHealth = {
      status: 'degraded', server: { process: 'server', status: 'ready', version: '1', pid: 3, uptime_ms: 1 }, kernel: { status: 'ready', version: '1', error: null },
      core: { status: 'unreachable', version: null, error: 'core cannot be reached' }, models: null, recording: null,
    };
    assert.deepEqual(processTree(null, [front], health).map(({ name, tone }) => [name, tone]), [['kernel', 'good'], ['core', 'bad'], ['server', 'good']]);
    assert.deepEqual(processTree(null, [], null), []);
  });
});

describe('the drops of a node', () => {
  it('are summed by place and cause, the most first, with the cameras that have most of them', () => {
    const cameras = [camera('a', { name: 'A', drops: { decoder_busy: 2 } }), camera('b', { name: 'B', drops: { decoder_busy: 5 }, packets_lost: 3 })];
    const looks = subscription('b', 'detector');
    assert.deepEqual(dropSums(cameras, [{ ...looks, drops: { ...looks.drops, busy: 40 } }]), [
      { where: 'Frames not looked at', cause: 'busy', count: 40, cameras: ['B'] },
      { where: 'Frames not published', cause: 'decoder busy', count: 7, cameras: ['B', 'A'] },
      { where: 'Packets not received', cause: 'lost on the way', count: 3, cameras: ['B'] },
    ]);
  });
});

describe('the histogram of a stage', () => {
  const boundsMs = [1, 10, 100];
  it('tells below what a share of the looks lies, straight between bounds, and never more than is known', () => {
    const histogram = { boundsMs, looks: [10, 80, 10, 0], sumMs: 900 };
    assert.deepEqual([quantileMs(histogram, 0.1), quantileMs(histogram, 0.5), quantileMs(histogram, 0.95)], [1, 5.5, 55]);
    assert.equal(quantileMs({ ...histogram, looks: [0, 0, 0, 4] }, 0.5), 100, 'above all bounds nothing more is known');
    assert.equal(quantileMs({ ...histogram, looks: [0, 0, 0, 0] }, 0.5), null);
  });

  it('of the time between two answers is what came in it; of a core that began anew it is what it told last', () => {
    const answer = (since: number, ...looks: number[]): LookLatencies => ({ since, bounds_ms: boundsMs, models: [{ model_id: 'm', stages: [{ stage: 'inferred', looks, sum_ms: looks.length * 10 }] }] });
    assert.deepEqual(latenciesBetween(answer(1, 5, 5, 0, 0), answer(1, 5, 9, 1, 0)).models[0]!.stages[0]!.looks, [0, 4, 1, 0]);
    const anew = answer(2, 1, 0, 0, 0);
    assert.equal(latenciesBetween(answer(1, 5, 5, 0, 0), anew), anew);
  });
});

describe('the filter of events', () => {
  it('stands in the address as far as it differs, and comes back from it', () => {
    assert.equal(eventFilterQuery(EVERY_EVENT).toString(), '');
    const filter = { kind: 'zones', period: '7d', cameraId: 'front', className: 'traffic light', zone: 'door', minScore: 0.5 } as const;
    assert.deepEqual(parseEventFilter(new URLSearchParams(eventFilterQuery(filter).toString())), filter);
    assert.deepEqual(parseEventFilter(new URLSearchParams('kind=toString&period=&camera=../x&class=&zone=a b&score=9')), EVERY_EVENT);
  });

  it('is asked of the server by types, and from an instant on', () => {
    const query = eventApiQuery({ ...EVERY_EVENT, kind: 'alerts', period: '1h', minScore: 0.3 }, 10_000.7);
    assert.deepEqual([query.getAll('type'), query.get('start'), query.get('min_score')], [['alert.raised', 'alert.cleared'], '6400', '0.3']);
    assert.equal(eventApiQuery({ ...EVERY_EVENT, kind: 'all', period: 'all' }, 1).toString(), '');
  });
});
