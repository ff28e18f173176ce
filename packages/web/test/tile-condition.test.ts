// What a tile says: the cause where it is known, and what helps.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tileCondition } from '@ruth/web';
import { camera } from '../../server/test/stand-ins.ts';

const playing = { name: 'playing' } as const;

describe('a camera\'s tile', () => {
  it('says nothing over a picture that moves', () => {
    assert.deepEqual(tileCondition(camera('front'), null, playing), { state: 'live', badge: 'Live', message: null });
  });

  it('names the cause and the advice where the camera is down', () => {
    const down = camera('front', { state: 'down', last_error: { code: 'camera_unreachable', message: 'connection refused', at: 1 } });
    const { state, message } = tileCondition(down, null, playing);
    assert.equal(state, 'down');
    assert.deepEqual([message?.text, message?.advice], ['connection refused', 'Check address, port and cable of the camera.']);
    // What may not be reached says itself what allows it; no person's permission does.
    const refused = camera('front', { state: 'down', last_error: { code: 'forbidden', message: 'not reached unless camera_addresses.allow names it', at: 1 } });
    assert.equal(tileCondition(refused, null, playing).message?.advice, null);
  });

  it('knows the kernel\'s and the server\'s absence from the camera\'s', () => {
    const titleFor = (code: string) => tileCondition(camera('front', { state: 'down' }), { code, message: 'no answer', advice: null }, { name: 'connecting' });
    assert.deepEqual([titleFor('unreachable').state, titleFor('unreachable').message?.title], ['offline', 'The kernel does not answer']);
    assert.deepEqual([titleFor('server_unreachable').state, titleFor('server_unreachable').message?.title], ['offline', 'The server does not answer']);
  });

  it('goes on showing a picture that plays while an answer is late', () => {
    assert.equal(tileCondition(camera('front'), { code: 'timeout', message: 'late', advice: null }, playing).state, 'live');
  });

  it('says that this browser cannot play the codec, not that the camera is at fault', () => {
    const { state, message } = tileCondition(camera('front', { codec: 'hevc' }), null, { name: 'unplayable', mime: 'video/mp4; codecs="hvc1"' });
    assert.equal(state, 'unplayable');
    assert.match(message?.title ?? '', /cannot play H\.265/);
  });

  it('has a state for every way in which pictures may be on their way', () => {
    assert.equal(tileCondition(camera('front', { state: 'connecting' }), null, playing).state, 'connecting');
    assert.equal(tileCondition(camera('front', { state: 'stalled' }), null, playing).state, 'stalled');
    for (const phase of [{ name: 'idle' }, { name: 'connecting' }, { name: 'retrying', reason: 'lost' }] as const) assert.equal(tileCondition(camera('front'), null, phase).state, 'opening');
  });
});
