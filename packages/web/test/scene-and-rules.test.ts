// Scenes while they are drawn, what their shapes match, and rules as a form, as a sentence and as what they are.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRuleSentence, ruleProblems, type CameraRule, type Point, type SceneConfig } from '@ruth/protocol';
import { contains, draftOf, drawnOn, formOfRule, idOfName, LineCrossings, matchesOf, NEW_RULE, objectsText, problemsUnder, RULE_KINDS, ruleOfForm, sentenceOfRule, urlWith, type SceneAction, type SceneDraft, type SeenObject } from '@ruth/web';

const after = (scene: SceneConfig, ...actions: SceneAction[]): SceneDraft => actions.reduce(drawnOn, draftOf(scene));
const TRIANGLE: Point[] = [[0.2, 0.2], [0.6, 0.2], [0.4, 0.8]];
const add = (...points: Point[]): SceneAction[] => points.map((at) => ({ do: 'add', at }));
const person = (x: number, y: number, trackId: number | null = 1, className = 'person'): SeenObject => ({ trackId, className, box: [x - 0.05, y - 0.2, x + 0.05, y] });

describe('a scene that is drawn', () => {
  it('gets a shape point by point, with an id of its own, and only when it has enough of them', () => {
    const drawing: SceneAction[] = [{ do: 'draw', kind: 'zones' }, ...add(...TRIANGLE.slice(0, 2))];
    assert.equal(after({}, ...drawing, { do: 'finish' }).scene.zones, undefined);
    const { scene, chosen, drawing: left } = after({ zones: [{ id: 'zone-1', polygon: TRIANGLE }] }, ...drawing, ...add(TRIANGLE[2]!), { do: 'finish' });
    assert.deepEqual(scene.zones!.map(({ id }) => id), ['zone-1', 'zone-2']);
    assert.deepEqual([scene.zones![1]!.polygon, chosen, left], [TRIANGLE, { kind: 'zones', index: 1, point: null }, null]);
    assert.deepEqual(after({}, { do: 'draw', kind: 'lines' }, ...add([0, 0], [2, 0.5]), { do: 'finish' }).scene.lines, [{ id: 'line-1', points: [[0, 0], [1, 0.5]] }], 'no point lies outside of the picture');
    assert.equal(after({}, ...drawing, { do: 'take last' }, { do: 'cancel' }).drawing, null);
  });

  it('is changed in its chosen shape alone, and a movement is taken back as a whole', () => {
    const before: SceneConfig = { zones: [{ id: 'a', polygon: TRIANGLE }, { id: 'b', polygon: TRIANGLE }] };
    const moved = after(before, { do: 'choose', chosen: { kind: 'zones', index: 1, point: 0 } }, { do: 'move point', to: [0.1, 0.1], continues: false }, { do: 'move point', to: [0.05, 0.1], continues: true });
    assert.deepEqual(moved.scene.zones!.map(({ polygon }) => polygon[0]), [[0.2, 0.2], [0.05, 0.1]]);
    const undone = drawnOn(moved, { do: 'undo' });
    assert.deepEqual(undone.scene, before);
    assert.deepEqual(drawnOn(undone, { do: 'redo' }).scene, moved.scene);
    const pushed = drawnOn(moved, { do: 'move shape', by: [-1, 0], continues: false });
    assert.deepEqual(pushed.scene.zones![1]!.polygon.map(([x]) => x), [0, 0.55, 0.35], 'as a whole, to the edge');
    const inserted = drawnOn(moved, { do: 'insert', after: 2, at: [0.3, 0.5] });
    assert.deepEqual([inserted.scene.zones![1]!.polygon.length, inserted.chosen!.point], [4, 3]);
    assert.equal(drawnOn(drawnOn(inserted, { do: 'remove point' }), { do: 'remove point' }).scene.zones![1]!.polygon.length, 3, 'an area keeps three corners');
    assert.deepEqual(drawnOn(moved, { do: 'remove shape' }).scene.zones!.map(({ id }) => id), ['a']);
  });
});

describe('what a shape matches now', () => {
  it('is what stands in it, of its classes', () => {
    assert.ok(contains(TRIANGLE, [0.4, 0.4]) && !contains(TRIANGLE, [0.25, 0.7]));
    const objects = [person(0.4, 0.4), person(0.4, 0.85, 2), person(0.45, 0.5, 3, 'dog')];
    assert.equal(objectsText(matchesOf('zones', { id: 'a', polygon: TRIANGLE }, objects)), 'person, dog');
    assert.equal(objectsText(matchesOf('zones', { id: 'a', polygon: TRIANGLE, classes: ['person'], anchor: 'centre' }, objects)), '2 person', 'the centre of the second lies in it, its feet do not');
    assert.deepEqual(matchesOf('masks', { polygon: TRIANGLE, hides: ['motion'] }, objects), []);
  });

  it('is who crosses a line, in which direction: in is to the right of who walks along it', () => {
    const crossings = new LineCrossings();
    const line = { id: 'gate', points: [[0.2, 0.5], [0.8, 0.5]] as Point[] };
    for (const y of [0.4, 0.45, 0.6]) crossings.see(line, [person(0.5, y), person(0.9, y, 2), person(0.5, y, null)]);
    assert.deepEqual(crossings.counts, { in: 1, out: 0 });
    crossings.see(line, [person(0.5, 0.3)]);
    assert.deepEqual(crossings.counts, { in: 1, out: 1 });
  });
});

describe('a rule', () => {
  const scene: SceneConfig = { zones: [{ id: 'door', polygon: TRIANGLE }], lines: [{ id: 'gate', points: [[0, 0], [1, 1]] }] };
  const form = { ...NEW_RULE, id: 'r', zone: 'door', line: 'gate', from: '22:00', to: '06:00', days: ['fri', 'sat'] as const, event: 'be quick', severity: 'high' as const, cooldownS: 60 };

  it('of every kind that a form knows can run, and comes back from rule and sentence as it was', () => {
    for (const kind of RULE_KINDS) {
      const rule = ruleOfForm({ ...form, kind });
      assert.deepEqual(ruleProblems({ ...rule, camera: '*' }, scene), [], kind);
      assert.deepEqual(ruleOfForm(formOfRule(rule)!), rule, kind);
      const sentence = sentenceOfRule(rule);
      assert.deepEqual(parseRuleSentence(sentence).when.length, 1, sentence);
      const said: CameraRule = { id: 'r', when: sentence, cooldown_s: 60 };
      assert.deepEqual(ruleOfForm(formOfRule(said)!), rule, sentence);
      assert.equal(sentenceOfRule(said), sentence);
    }
  });

  it('that says more than a form can has none, and keeps what neither form nor sentence says', () => {
    assert.equal(formOfRule({ id: 'r', when: 'person in zone "door" and is lying' }), null);
    assert.equal(formOfRule({ id: 'r', when: 'person crosses line "gate" within 5 s' }), null);
    assert.equal(formOfRule({ id: 'r', when: 'persons dance' }), null);
    assert.equal(sentenceOfRule({ id: 'r', objects: 'car', when: [{ in_zone: 'door' }, { is: 'stationary', for_s: 90 }] }), 'car in zone "door" and is stationary for 90 s');
    assert.deepEqual(ruleOfForm(formOfRule({ id: 'r', when: 'no person in zone "door" for 5 min' })!, { active: false, model: 'm' }), { active: false, model: 'm', id: 'r', when: [{ count: ['person'], zone: 'door', at_most: 0, for_s: 300 }], severity: 'medium' });
  });
});

describe('forms of cameras', () => {
  it('make an address whole, an id of a name, and put each objection where it belongs', () => {
    assert.equal(urlWith(' 192.168.1.20/stream1 ', 'admin', 'p@ss/w:rd'), 'rtsp://admin:p%40ss%2Fw%3Ard@192.168.1.20/stream1');
    assert.equal(urlWith('rtsp://old:secret@cam/1?a=b@c', 'new', 'x'), 'rtsp://new:x@cam/1?a=b@c');
    assert.equal(urlWith('rtsp://user:pass@cam/1', '', ''), 'rtsp://user:pass@cam/1');
    assert.deepEqual([idOfName('Front door', []), idOfName('Front door', ['front-door']), idOfName('\u00dcber \u2603', []), idOfName('-', [])], ['front-door', 'front-door-2', 'uber', 'camera']);
    const failure = { code: 'bad_request', message: 'no', advice: null, problems: [{ pointer: '/rules/2/when/0', message: 'no zone' }, { pointer: '/scene/zones/0/id', message: 'taken' }] };
    assert.deepEqual(problemsUnder(failure, '/rules/2'), { when: 'no zone', '': 'scene.zones.0.id: taken' });
    assert.deepEqual(problemsUnder({ code: 'invalid_state', message: 'no', advice: 'Wait' }, ''), { '': 'no. Wait' });
  });
});
