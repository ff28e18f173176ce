import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { groundPlane, lineProblem, parseSettings, polygonProblem, RuthError, segmentsMeet, type Point } from '../src/index.ts';

const square = '[[0.1, 0.1], [0.4, 0.1], [0.4, 0.4], [0.1, 0.4]]';
const door = (scene: string, rest = ''): string => `cameras:\n  - id: door\n    url: rtsp://h/1\n${scene.split('\n').map((line) => `    ${line}`).join('\n')}\n${rest}`;
const rule = (text: string): string => door(`zones:\n  - {id: mat, polygon: ${square}}\nlines:\n  - {id: sill, points: [[0, 0.5], [1, 0.5]]}`, `rules:\n  - id: r\n    camera: door\n${text.split('\n').map((line) => `    ${line}`).join('\n')}\n`);

function messageOf(text: string): string {
  try {
    parseSettings(text, 'ruth.yaml');
  } catch (error) {
    assert.ok(error instanceof RuthError && error.code === 'invalid_config', String(error));
    return error.message;
  }
  return assert.fail('the settings were accepted');
}

for (const [name, text, expected] of [
  ['a zone of two points', door('zones:\n  - {id: a, polygon: [[0, 0], [1, 1]]}'), /^ruth\.yaml:5:17: cameras\.0\.zones\.0\.polygon must not have fewer than 3 items/],
  ['a zone in pixels', door('zones:\n  - {id: a, polygon: [[0, 0], [640, 0], [1, 1]]}'), /^ruth\.yaml:5:3\d: cameras\.0\.zones\.0\.polygon\.1\.0 must be <= 1, not 640$/],
  ['a zone that crosses itself', door('zones:\n  - {id: a, polygon: [[0, 0], [1, 1], [1, 0], [0, 1]]}'), /^ruth\.yaml:5:17: cameras\.0\.zones\.0\.polygon: crosses itself: the side from point 1 to 2 meets the side from point 3 to 4; list the corners in order around the area$/],
  ['a zone without an area', door('zones:\n  - {id: a, polygon: [[0, 0], [0.5, 0.5], [1, 1]]}'), /polygon: (crosses itself|has no area)/],
  ['a zone that repeats its first corner', door('zones:\n  - {id: a, polygon: [[0, 0], [1, 0], [1, 1], [0, 0]]}'), /polygon: has the same point twice \(4 and 1\); remove one: the last corner is joined to the first by itself$/],
  ['two zones of one id', door(`zones:\n  - {id: a, polygon: ${square}}\n  - {id: a, polygon: ${square}}`), /^ruth\.yaml:6:10: cameras\.0\.zones\.1\.id: a is taken by one of the zones above; choose another id$/],
  ['a mistyped key of a zone', door(`zones:\n  - {id: a, poligon: ${square}}`), /zones\.0\.poligon is not a known key; did you mean polygon\?/],
  ['a line of one point', door('lines:\n  - {id: l, points: [[0, 0]]}'), /cameras\.0\.lines\.0\.points must not have fewer than 2 items/],
  ['a line that crosses itself', door('lines:\n  - {id: l, points: [[0, 0], [1, 1], [1, 0], [0, 1]]}'), /lines\.0\.points: crosses itself: the piece from point 1 to 2 meets the piece from point 3 to 4; a line has two sides only/],
  ['a line from a point to itself', door('lines:\n  - {id: l, points: [[0.5, 0.5], [0.5, 0.5]]}'), /lines\.0\.points: has the same point twice \(1 and 2\); remove one$/],
  ['an unknown anchor', door(`zones:\n  - {id: a, polygon: ${square}, anchor: feet}`), /anchor must be one of "base", "centre", not "feet"/],
  ['three points of the ground', door('ground_plane:\n  points: [{image: [0, 0], ground: [0, 0]}, {image: [1, 0], ground: [1, 0]}, {image: [1, 1], ground: [1, 1]}]'), /ground_plane\.points must not have fewer than 4 items/],
  ['points of the ground on one line', door(`ground_plane:\n  points: [${[0, 1, 2, 3].map((i) => `{image: [${i / 4}, ${i / 4}], ground: [${i}, ${i}]}`).join(', ')}]`), /^ruth\.yaml:5:7: cameras\.0\.ground_plane\.points: determine no ground: too many lie on one line/],
  ['a point of the ground that does not fit the others', door(`ground_plane:\n  points: [${[[0, 0, 0, 0], [1, 0, 10, 0], [1, 1, 10, 10], [0, 1, 0, 10], [0.5, 0.5, 9, 2]].map(([a, b, c, d]) => `{image: [${a}, ${b}], ground: [${c}, ${d}]}`).join(', ')}]`), /^ruth\.yaml:5:\d+: cameras\.0\.ground_plane\.points\.\d: lies \d\.\d m from where the other points put it; check its image and ground$/],
  ['an unknown time zone', 'time_zone: Mars/Olympus\n', /^ruth\.yaml:1:1: time_zone: Mars\/Olympus is no time zone; use an IANA name such as Europe\/Berlin or UTC$/],
  ['a rule about a zone that is not there', rule('when: [{in_zone: matt}]'), /^ruth\.yaml:11:12: rules\.0\.when\.0: there is no zone "matt" at this camera; its zones: mat$/],
  ['a sentence about a line that is not there', rule('when: person crosses line "door"'), /^ruth\.yaml:11:5: rules\.0\.when: there is no line "door" at this camera; its lines: sill$/],
  ['a rule of a camera that is not there', rule('when: [{in_zone: mat}]').replace('camera: door', 'camera: back'), /^ruth\.yaml:10:5: rules\.0\.camera: back is no camera of this file; known: door$/],
  ['a rule for all cameras, none of which has the zone', rule('when: [{in_zone: roof}]').replace('camera: door', 'camera: "*"'), /rules\.0\.camera: no camera of this file has zone "roof"$/],
  ['two rules of one id', rule('when: [{in_zone: mat}]\n').replace(/$/, '  - {id: r, camera: door, when: person in zone mat}\n'), /rules\.1\.id: r is taken by a rule above for the same camera; choose another id$/],
  ['a time of day that does not exist', rule('when: [{in_zone: mat}]\nduring: {between: ["22:00", "25:00"]}'), /^ruth\.yaml:12:\d+: rules\.0\.during\.between\.1 must be a time of day from "00:00" to "24:00", not "25:00"$/],
  ['a time that is none', rule('when: [{in_zone: mat}]\nduring: {between: ["10:00", "10:00"]}'), /^ruth\.yaml:12:14: rules\.0\.during\.between: begins and ends at the same time, which is no time at all; leave it out for the whole day$/],
  ['a day that does not exist', rule('when: [{in_zone: mat}]\nduring: {days: [mon, someday]}'), /rules\.0\.during\.days\.1 must be one of "mon", "tue", /],
  ['a time zone of a rule that does not exist', rule('when: [{in_zone: mat}]\ntime_zone: Berlin'), /rules\.0\.time_zone: Berlin is no time zone/],
  ['a condition that is none', rule('when: [{in_zome: mat}]'), /rules\.0\.when\.0\.in_zome is not a known key; did you mean in_zone\?/],
  ['two conditions in one', rule('when: [{in_zone: mat, outside_zone: mat}]'), /rules\.0\.when\.0\.(in|outside)_zone is not a known key/],
  ['a count without a number', rule('when: [{count: person, zone: mat}]'), /rules\.0\.when\.0: says no number; give at_least or at_most$/],
  ['a count that is impossible', rule('when: [{count: person, at_least: 3, at_most: 2}]'), /rules\.0\.when\.0: at_least 3 is more than at_most 2$/],
  ['metres without a ground plane', rule('when: [{faster_than: 2, unit: m/s}]'), /rules\.0\.when\.0: m\/s needs a ground_plane of the camera; give one, or use frames\/s/],
  ['a duration of nothing', rule('when: [{in_zone: mat, for_s: 0}]'), /rules\.0\.when\.0\.for_s must be > 0, not 0/],
  ['a severity that is none', rule('when: [{in_zone: mat}]\nseverity: bad'), /severity must be one of "info", "low", "medium", "high", "critical", not "bad"/],
  ['objects that no condition speaks of', rule('objects: [person]\nwhen: [{count: person, at_least: 2}]'), /rules\.0\.objects: no condition speaks of them/],
  ['an event that is named twice', rule('when: person in zone mat then event "a"\nevent: b'), /rules\.0\.event: is said by the sentence in "when" already; keep one$/],
  ['no conditions', rule('when: []'), /rules\.0\.when must not have fewer than 1 items/],
  ['a rule of a model that is not there', `models: [{id: finder}]\n${rule('when: [{in_zone: mat}]\nmodel: loser')}`, /rules\.0\.model: loser is no model of this file; known: finder/],
] as const) {
  test(`Settings with ${name} are refused, naming file, line, key and what would be right`, () => assert.match(messageOf(text), expected));
}

test('A scene and rules are read, "*" stands for the cameras that have what a rule names, and the time zone is the file\'s unless told', () => {
  const settings = parseSettings(`time_zone: Europe/Berlin
cameras:
  - {id: door, url: 'rtsp://h/1', zones: [{id: mat, polygon: ${square}}], masks: [{polygon: ${square}, hides: [motion]}]}
  - {id: yard, url: 'rtsp://h/2', zones: [{id: mat, polygon: ${square}}, {id: gate, polygon: ${square}}]}
  - {id: roof, url: 'rtsp://h/3'}
rules:
  - {id: lingering, camera: "*", when: 'person in zone mat for 10 s'}
  - {id: crowd, camera: yard, time_zone: UTC, when: [{count: person, zone: gate, at_least: 5, for_s: 30}]}
`, 'ruth.yaml');
  assert.deepEqual(Object.keys(settings.scenes), ['door', 'yard']);
  assert.deepEqual(settings.rules.map(({ id, camera, time_zone }) => [id, camera, time_zone]), [['lingering', 'door', 'Europe/Berlin'], ['lingering', 'yard', 'Europe/Berlin'], ['crowd', 'yard', 'UTC']]);
  assert.equal(settings.timeZone, 'Europe/Berlin');
  assert.ok(settings.cameras.every((camera) => !('zones' in camera)), 'the kernel has nothing to do with scenes');
});

test('Two segments meet where they touch, cross or lie on one another, and not beside', () => {
  assert.ok(segmentsMeet([[0, 0], [1, 1]], [[0, 1], [1, 0]]));
  assert.ok(segmentsMeet([[0, 0], [1, 0]], [[0.5, 0], [0.5, 1]]));
  assert.ok(segmentsMeet([[0, 0], [1, 0]], [[0.5, 0], [2, 0]]));
  assert.ok(!segmentsMeet([[0, 0], [1, 0]], [[0, 0.1], [1, 0.1]]));
  assert.ok(!segmentsMeet([[0, 0], [1, 0]], [[1.1, 0], [2, 0]]));
});

const share = fc.integer({ min: 0, max: 100 }).map((value) => value / 100);
const point: fc.Arbitrary<Point> = fc.tuple(share, share);

test('Whether a polygon is good does not depend on where its list begins, nor on its direction', () => {
  const isSame = (polygon: readonly Point[], by: number): void => {
    const turned = [...polygon.slice(by % polygon.length), ...polygon.slice(0, by % polygon.length)];
    assert.equal(polygonProblem(turned) === null, polygonProblem(polygon) === null);
    assert.equal(polygonProblem([...polygon].reverse()) === null, polygonProblem(polygon) === null);
  };
  // A corner that lies on another side but for the last bit, found by chance.
  isSame([[0.9, 0.5], [0, 0], [0.32, 0.79], [0.98, 0.46], [0.01, 0]], 0);
  fc.assert(fc.property(fc.array(point, { minLength: 3, maxLength: 7 }), fc.nat(6), isSame));
});

test('Corners in order around a middle make a good polygon; any line of growing x is a good line', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 35 }), { minLength: 3, maxLength: 12 }), fc.integer({ min: 10, max: 50 }), (angles, radius) => {
    const corners = angles.sort((a, b) => a - b).map((angle): Point => [0.5 + radius / 100 * Math.cos(angle * Math.PI / 18), 0.5 + radius / 100 * Math.sin(angle * Math.PI / 18)]);
    assert.equal(polygonProblem(corners), null);
  }));
  fc.assert(fc.property(fc.array(share, { minLength: 2, maxLength: 16 }), (ys) => assert.equal(lineProblem(ys.map((y, index): Point => [index / 16, y])), null)));
});

test('A ground plane made from a known camera gives back the ground, from four points and from noisy many', () => {
  // A camera 4 m up that looks down by 30 degrees: image y of a point on the ground z metres away.
  const image = (x: number, z: number): Point => {
    const [c, s] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
    const depth = z * c + 4 * s;
    return [0.5 + 0.9 * x / depth, 0.5 + 0.9 * (4 * c - z * s) / depth];
  };
  const pair = (x: number, z: number, noise = 0) => ({ image: image(x, z).map((value) => value + noise) as Point, ground: [x, z] as [number, number] });
  const exact = groundPlane([pair(-2, 4), pair(2, 4), pair(4, 15), pair(-4, 15)])!;
  for (const [x, z] of [[0, 5], [1, 8], [-3, 12]] as const) {
    const found = exact.toGround(image(x, z))!;
    assert.ok(Math.hypot(found[0] - x, found[1] - z) < 1e-6, `${found}`);
  }
  assert.equal(exact.toGround([0.5, -0.9]), null, 'the sky is not on the ground');
  const many = groundPlane([-2, 0, 2].flatMap((x) => [4, 7, 10, 14].map((z, index) => pair(x, z, (index % 2 - 0.5) * 0.002))))!;
  const found = many.toGround(image(1, 8))!;
  assert.ok(Math.hypot(found[0] - 1, found[1] - 8) < 0.3, `${found}`);
  assert.ok(many.residualsM.every((residual) => residual < 0.6));
});
