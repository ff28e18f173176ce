// Parts of the console that need no browser: the order of cameras, the overlay's choice, events in words.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arranged, changesOf, eventWords, EVERYTHING, isCompact, isWanted, suitingColumns, suitingRows } from '@ruth/web';

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
  it('leaves out what is not sure enough, and classes that were hidden', () => {
    assert.ok(isWanted({ ...person, bbox: [0, 0, 1, 1] }, { ...EVERYTHING, threshold: 0.5 }));
    assert.ok(!isWanted({ ...person, bbox: [0, 0, 1, 1] }, { ...EVERYTHING, threshold: 0.55 }));
    assert.ok(!isWanted({ ...person, bbox: [0, 0, 1, 1] }, { ...EVERYTHING, hiddenClasses: ['person'] }));
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
