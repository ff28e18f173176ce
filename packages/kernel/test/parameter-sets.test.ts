import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codecString, parameterSetsOf } from '../src/index.ts';

const nal = (hex: string): Buffer => Buffer.from(`00000001${hex}`, 'hex');
const SPS = '6764001facd940c0126840000003004000000503c60c65';
const PPS = '68ebe112c8b0';

test('parameter sets are found in front of an H.264 picture, with either start code', () => {
  const picture = Buffer.concat([nal('0910'), nal(SPS), Buffer.from(`000001${PPS}`, 'hex'), nal('0601ff'), nal('6588840000000001')]);
  assert.deepEqual(parameterSetsOf('h264', picture), Buffer.concat([nal(SPS), nal(PPS)]));
  assert.equal(codecString('h264', picture), 'avc1.64001f');
});

test('parameter sets that are sent twice count once', () => {
  const once = Buffer.concat([nal(SPS), nal(PPS)]);
  assert.deepEqual(parameterSetsOf('h264', Buffer.concat([once, once, nal('65888400')])), once);
});

test('a picture without SPS has none, and nothing behind its first slice is read', () => {
  assert.equal(parameterSetsOf('h264', Buffer.concat([nal(PPS), nal('65888400')])), null);
  assert.equal(parameterSetsOf('h264', Buffer.concat([nal('65888400'), nal(SPS)])), null);
});

test('H.265 is named as ISO/IEC 14496-15 says', () => {
  const sps = '420101' + '016000000300900000030000030078' + 'a0';
  assert.equal(codecString('hevc', nal(sps)), 'hvc1.1.6.L120.90');
});

test('any bytes are safe', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('h264' as const, 'hevc' as const), (bytes, codec) => {
    const annexB = Buffer.concat([Buffer.from([0, 0, 1]), bytes]);
    const sets = parameterSetsOf(codec, annexB);
    if (sets !== null) codecString(codec, sets);
  }), { numRuns: 2000 });
});
