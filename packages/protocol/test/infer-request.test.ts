import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { CoreEvent, InferRequest, InferResponse, LeaseRequest, RuthError, validator } from '../src/index.ts';

const example = JSON.parse(readFileSync(new URL('../golden/good/infer-request.full.json', import.meta.url), 'utf8')) as InferRequest;
const json = fc.jsonValue({ maxDepth: 4 });

/** The example with something else put somewhere. */
const nearMiss = fc.tuple(fc.constantFrom(...paths(example)), fc.oneof(json, fc.constantFrom(null, -1, 0, 1e308, '', '../x', [], {}, [[]]))).map(([path, value]) => {
  const message = structuredClone(example) as unknown as Record<string, unknown>;
  let node = message;
  for (const key of path.slice(0, -1)) node = node[key] as Record<string, unknown>;
  node[path.at(-1)!] = value;
  return message;
});

function paths(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[key], ...paths(inner).map((path) => [key, ...path])]);
}

for (const [name, schema] of Object.entries({ InferRequest, InferResponse, LeaseRequest, CoreEvent })) {
  const check = validator(schema);
  test(`Any JSON is either a valid ${name} or bad_request that says where; nothing else is ever thrown`, () => {
    fc.assert(fc.property(fc.oneof(json, nearMiss), (message) => {
      const violations = check.violations(message);
      assert.equal(check.check(message), violations.length === 0);
      try {
        assert.equal(check.parse(message), message);
        assert.deepEqual(violations, []);
      } catch (error) {
        assert.ok(error instanceof RuthError && error.code === 'bad_request', String(error));
        assert.ok(violations.length > 0 && error.message.includes(violations[0]!.message));
        assert.ok(error.message.length < 2000);
      }
    }), { numRuns: 1000 });
  });
}

test('The answer to a broken request names every field that is wrong and what would be right', () => {
  const check = validator(InferRequest);
  const message = { ...example, camera_id: '../x', frame_metadata: { frame_id: 'x' }, config: { roi: [0, 0, 2, 1] } };
  assert.throws(() => check.parse(message), (error: RuthError) => {
    for (const part of [/frame_metadata\.frame_id must be integer, not "x"/, /camera_id must be 1 to 63 letters.* not "\.\.\/x"/, /config\.roi\.2 must be <= 1, not 2/]) assert.match(error.message, part);
    return true;
  });
});

test('A password in the wrong field is not repeated in the answer', () => {
  assert.throws(() => validator(InferRequest).parse({ ...example, camera_id: 'rtsp://admin:secret@host/x' }), (error: RuthError) => !error.message.includes('secret'));
});

test('of a list of a million items the first ones are enough to say what is wrong', () => {
  const request = { frame_reference: '/dev/shm/vas_frames_a', frame_metadata: { frame_id: 1 }, camera_id: 'a', model_id: 'm' };
  assert.throws(() => validator(InferRequest).parse({ ...request, config: { classes: new Array<string>(1_000_000).fill('a') } }), { code: 'bad_request', message: /^config\.classes has too many items/ });
  assert.throws(() => validator(InferRequest).parse({ ...request, config: { classes: new Array<number>(1_000_000).fill(7) } }), { code: 'bad_request', message: /^config\.classes\.0 / });
});

test('a field that is nested so deep that looking into it would overflow the stack is refused like any other', () => {
  const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as unknown;
  for (const key of ['frame_reference', 'camera_id', 'config']) assert.throws(() => validator(InferRequest).parse({ ...example, [key]: deep }), { code: 'bad_request', message: new RegExp(`^${key} must be`) });
});
