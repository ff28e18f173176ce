// mediasoup's workers: viewers spread over them, one that dies is replaced, nothing stays of who went, and where there is none
// that is said. A real browser watches; the RTP is ffmpeg's.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { RuthError } from '@ruth/protocol';
import { noCamera } from './real-camera.ts';
import { until } from './test-kernel.ts';
import { noWebRtc, WebRtcBrowser } from './webrtc-browser.ts';
import { Place } from './webrtc-place.ts';

describe('mediasoup workers', { skip: noCamera || noWebRtc() }, () => {
  test('viewers of one camera spread over workers, joined by a pipe, and all is freed when a page goes without a word', async () => {
    await using place = await Place.start(['yard']);
    const { camera, sender } = place.cameras.yard!;
    await using browser = await WebRtcBrowser.start(place.socketPath);
    const page = await browser.page();
    const viewers = [await page.watch('yard', 'udp'), await page.watch('yard', 'tcp'), (await page.whep('yard')).index];
    for (const viewer of viewers) assert.equal((await page.sees(viewer)).width, 320);
    assert.equal(place.webrtc.workers.length, 2, 'both workers serve');
    assert.equal(place.loads.reduce((sum, load) => sum + load), 4, 'one camera and three viewers');
    assert.ok(place.loads.every((load) => load > 0));
    assert.equal(place.webrtc.whep.size, 1);

    await page.page.close({ runBeforeUnload: false });
    await until(() => [camera.viewers, ...place.loads, place.webrtc.whep.size], (counts) => counts.every((count) => count === 0), 'nothing is left of the viewers');
    assert.equal(sender.target, null, 'the camera need not send any more');
  });

  test('a page that crashes is forgotten', async () => {
    await using place = await Place.start(['yard']);
    await using browser = await WebRtcBrowser.start(place.socketPath);
    const page = await browser.page();
    await page.sees((await page.whep('yard')).index);
    await page.sees(await page.watch('yard'));
    await page.crash();
    await until(() => [place.cameras.yard!.camera.viewers, ...place.loads], (counts) => counts.every((count) => count === 0), 'nothing is left of the viewers');
  });

  test('a worker that dies is replaced, its viewers are told and come back, and a camera of another worker is not touched', async () => {
    await using place = await Place.start(['yard', 'door', 'gate'], { spreadAfter: 8 });
    await using browser = await WebRtcBrowser.start(place.socketPath);
    const page = await browser.page();
    const yard = await page.watch('yard');
    await page.sees(yard);
    const [first] = place.webrtc.workers;
    const door = await page.watch('door');
    await page.sees(door);
    assert.equal(place.webrtc.workers.length, 2, 'each camera has a worker');
    process.kill(first!.pid, 'SIGKILL');
    const closed = await page.until(() => page.closed(yard), (value) => value !== null, 'the page is told');
    assert.deepEqual(closed, { code: 4503, reason: 'webrtc_unavailable' });
    await page.sees(await page.watch('yard'));
    assert.equal(place.webrtc.workerDeaths, 1);
    assert.equal(await page.closed(door), null);
    await page.sees(door);
    // One that lived so short is not followed at once; till then the other takes more.
    await until(async () => {
      (await place.cameras.gate!.camera.join()).close(null);
      return place.webrtc.workers.length;
    }, (count) => count === 2, 'another worker is there');
  });

  test('a camera whose codec WebRTC cannot carry is refused, and viewers are let go when it changes to one', async () => {
    await using place = await Place.start(['yard']);
    const { camera, sender } = place.cameras.yard!;
    await using browser = await WebRtcBrowser.start(place.socketPath);
    const page = await browser.page();
    const viewer = await page.watch('yard');
    await page.sees(viewer);
    sender.codec = 'hevc';
    camera.update();
    assert.deepEqual(await page.until(() => page.closed(viewer), (value) => value !== null, 'the page is told'), { code: 4415, reason: 'unsupported_codec' });
    assert.deepEqual(await page.closed(await page.watch('yard')), { code: 4415, reason: 'unsupported_codec' });
    assert.equal((await page.whep('yard')).status, 406);
  });
});

describe('without a worker', () => {
  test('who wants to watch hears that set-up makes it', async () => {
    await using place = await Place.start(['yard'], { workerBinary: '/nowhere/mediasoup-worker' });
    await assert.rejects(place.cameras.yard!.camera.join(), { code: 'webrtc_unavailable', message: /set-up makes it/ });
  });

  test('a program that is no worker is not started for every viewer', async () => {
    await using place = await Place.start(['yard'], { workerBinary: '/bin/false' });
    const { camera } = place.cameras.yard!;
    const errors: RuthError[] = [];
    for (let i = 0; i < 3; i++) await camera.join().catch((error: unknown) => errors.push(RuthError.from(error)));
    assert.deepEqual(errors.map(({ code }) => code), Array(3).fill('webrtc_unavailable'));
    // What was started failed with a cause; who came soon after was told of that.
    assert.deepEqual(errors.map(({ cause }) => cause !== undefined), [true, false, false]);
  });

  test('a port that is taken is said, and WebRTC comes back when it is free', { skip: noWebRtc() }, async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await using place = await Place.start(['yard'], { settings: { host: '127.0.0.1', port, announcedAddress: null, workers: 1 } });
    const { camera } = place.cameras.yard!;
    await assert.rejects(camera.join(), { code: 'webrtc_unavailable' });
    taken.close();
    await once(taken, 'close');
    const viewer = await until(() => camera.join().catch(() => null), (joined) => joined !== null, 'there is WebRTC');
    assert.deepEqual([...new Set(viewer!.transport.iceCandidates.map((candidate) => candidate.port))], [port]);
    viewer!.close(null);
  });
});
