import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, INFERENCE_ERROR_CODES, RuthError, type ErrorCode } from '../src/index.ts';

test('Every code has a status, whether a retry helps, and advice that is a sentence', () => {
  for (const [code, row] of Object.entries(ERRORS)) {
    assert.match(code, /^[a-z]+(_[a-z]+)*$/);
    assert.ok(row.httpStatus >= 400 && row.httpStatus <= 599, code);
    assert.equal(typeof row.retryable, 'boolean', code);
    assert.match(row.advice, /^[A-Z].*\.$/, code);
  }
});

test('The codes of inference are those of the contract', () => {
  assert.deepEqual([...INFERENCE_ERROR_CODES], [
    'bad_request', 'wrong_model', 'frame_not_found', 'frame_overwritten', 'frame_unreadable', 'unsupported_format',
    'overloaded', 'deadline_exceeded', 'inference_failed', 'shutting_down',
  ]);
});

test('An error answers for its code', () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const { httpStatus, retryable, advice } = new RuthError(code, 'what happened');
    assert.deepEqual({ httpStatus, retryable, advice }, ERRORS[code]);
  }
});

test('Any thrown value becomes a RuthError that keeps its cause; one of ours stays itself', () => {
  const ours = new RuthError('timeout', 'late');
  assert.equal(RuthError.from(ours, 'internal'), ours);
  const theirs = new TypeError('a bug');
  const wrapped = RuthError.from(theirs, 'inference_failed');
  assert.deepEqual([wrapped.code, wrapped.message, wrapped.cause], ['inference_failed', 'a bug', theirs]);
  assert.deepEqual([RuthError.from('text').code, RuthError.from('text').message, RuthError.from(undefined).message], ['internal', 'text', 'undefined']);
});

test('An error that is expected has no stack, and leaves others theirs', () => {
  const refused = RuthError.expected('overloaded', 'too many');
  assert.deepEqual([refused instanceof RuthError, refused.code, refused.message], [true, 'overloaded', 'too many']);
  assert.doesNotMatch(refused.stack ?? '', /\n\s+at /);
  assert.match(new RuthError('overloaded', 'too many').stack!, /\n\s+at /);
});
