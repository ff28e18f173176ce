// A camera of one kernel watched at another one, over one pipe: two real kernels, a real camera, a real browser. What joins the two is in place of the servers.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { describe, test } from 'node:test';
import { PipeFromSender, validator } from '@ruth/protocol';
import { observer, type types } from 'mediasoup';
import { WebSocket } from 'ws';
import type { Kernel } from '../src/index.ts';
import { Joined, SITE } from './joined-kernels.ts';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { ask, TestKernel, until } from './test-kernel.ts';
import { noWebRtc, WebRtcBrowser } from './webrtc-browser.ts';

const nothing = { sent: { pipes: 0 }, received: { pipes: 0, viewers: 0 } };
const left = async ({ pipes }: Kernel): Promise<typeof nothing> => {
  const { sent, received } = await pipes!.status();
  return { sent: { pipes: sent.pipes }, received: { pipes: received.pipes, viewers: received.viewers } };
};

/** As the address of another node's server has it. */
const SIX = Object.values(networkInterfaces()).flat().some((own) => own?.address === '::1') ? '[::1]' : null;

/** Whatever kernel of this process sends it from now on. */
function sentOverPipes(): types.Consumer[] {
  const sent: types.Consumer[] = [];
  const look = (transport: types.Transport): void => {
    if ((transport as Partial<types.PipeTransport>).srtpParameters) transport.observer.on('newconsumer', (consumer) => sent.push(consumer));
  };
  observer.on('newworker', (worker) => worker.observer.on('newrouter', (router) => router.observer.on('newtransport', look)));
  return sent;
}

describe('a camera between two nodes', { skip: noCamera || noWebRtc(), concurrency: 2 }, () => {
  test('goes over one pipe, however many watch, and nothing stays of it when they have gone', async () => {
    await using clips = await Clips.open();
    await using camera = await RealCamera.start({ front: launch.h264(await clips.make('long.mp4', { seconds: 240, gop: 6000, source: 'testsrc=', size: '320x240' })) });
    const sections = { ...SITE, live: { webrtc: { host: '::' } } };
    await using a = await TestKernel.start([{ id: 'front', url: camera.url('front') }], undefined, sections);
    await using b = await TestKernel.start([], undefined, sections);
    await a.until('front', ({ counters }) => counters.packets > 25, 'is in the midst of its first group');
    const sent = sentOverPipes();
    // Pictures flow at its node already, and no keyframe is near.
    await a.kernel.webrtc('front').lend(async (branch) => ({ gone: new Promise<null>(() => undefined), close: () => branch.release() }), () => undefined);
    await a.kernel.webrtc('front').feed();
    let address: unknown;
    // Over IPv6, where this machine has it.
    using joined = await new Joined(a.kernel, b.kernel, 'front', (message) => {
      address = message.address ?? address;
      return message;
    }, SIX ?? '127.0.0.1').ready();
    assert.equal(address, SIX === null ? '127.0.0.1' : '::1');
    await using browser = await WebRtcBrowser.start(b.kernel.socketPath);
    const page = await browser.page();
    // No keyframe comes in all this time: pictures since the last one are asked for over the pipe.
    const { index: first } = await page.whep('front', {}, '/v1/piped');
    await page.sees(first);
    const viewers = [first];
    for (let more = 0; more < 4; more++) viewers.push((await page.whep('front', {}, '/v1/piped')).index);
    for (const viewer of viewers) assert.deepEqual({ ...await page.sees(viewer), frames: 0, protocol: null }, { width: 320, height: 240, frames: 0, protocol: null });
    assert.ok(joined.said.includes('repeat'));
    await until(async () => (await Promise.all(sent.map(async (consumer) => consumer.getStats().catch(() => [])))).flat().some((stats) => 'pliCount' in stats && stats.pliCount > 0), Boolean, 'a request for a keyframe comes through');
    assert.equal(a.kernel.camera('front').counters.keyframes, 1, 'the camera has sent one keyframe in all this time');
    assert.deepEqual([await left(a.kernel), await left(b.kernel)], [{ ...nothing, sent: { pipes: 1 } }, { sent: { pipes: 0 }, received: { pipes: 1, viewers: 5 } }]);
    assert.equal(a.kernel.camera('front').live.webrtc_viewers, 0);
    const { body } = await ask(b.kernel.socketPath, 'GET', '/v1/cameras');
    assert.deepEqual(body, [], 'it is no camera of the other node, and goes on to no third one');

    await page.page.close({ runBeforeUnload: false });
    await until(() => left(b.kernel), (status) => JSON.stringify(status) === JSON.stringify(nothing), 'a while after the last viewer the pipe ends');
    await until(() => left(a.kernel), (status) => JSON.stringify(status) === JSON.stringify(nothing), 'nothing stays at the camera\'s node');
    assert.equal(joined.closed?.code, 1000);
  });

  test('ends with whatever carries it, on both sides; who does not listen is sent to no longer', async () => {
    await using clips = await Clips.open();
    const clip = launch.h264(await clips.make('clip.mp4'));
    await using camera = await RealCamera.start({ front: clip, back: clip });
    await using a = await TestKernel.start([{ id: 'front', url: camera.url('front') }, { id: 'back', url: camera.url('back') }], undefined, SITE);
    await using b = await TestKernel.start([], undefined, SITE);
    await Promise.all([a.streaming('front'), a.streaming('back')]);
    const closing = async (address: string): Promise<string> => {
      const socket = new WebSocket(address);
      return new Promise((resolve) => {
        socket.on('close', (code, reason) => resolve(`${code} ${reason.toString()}`));
        socket.on('unexpected-response', (_request, response) => resolve(String(response.statusCode)));
        socket.on('error', () => undefined);
      });
    };

    await using silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    let packets = 0;
    silent.on('message', () => { packets++; });
    const deaf = new WebSocket(`ws+unix:${a.kernel.socketPath}:/v1/cameras/back/pipe?address=127.0.0.1&port=${silent.address().port}`);
    await once(deaf, 'open');
    deaf.send(JSON.stringify({ type: 'ask', srtp_parameters: { cryptoSuite: 'AEAD_AES_256_GCM', keyBase64: Buffer.alloc(44, 7).toString('base64') } }));
    const offer = JSON.parse(String((await once(deaf, 'message'))[0])) as object;
    assert.deepEqual(validator(PipeFromSender).violations(offer), []);
    deaf.send(JSON.stringify({ type: 'produced' }));
    const deafEnds = once(deaf, 'close') as Promise<[number, Buffer]>;

    const one = await new Joined(a.kernel, b.kernel, 'front').ready();
    assert.match(await closing(`ws+unix:${b.kernel.socketPath}:/v1/piped/front?toward=127.0.0.1`), /^4409 conflict/);
    const viewer = await b.kernel.pipes!.camera('front').join();
    assert.equal(b.kernel.pipes!.camera('front').stream.width, 320);
    await until(() => b.kernel.pipes!.camera('front').stream.rtp_offset, (offset) => offset !== null, 'viewers there know the clock');
    one.sender!.terminate();
    assert.equal((await viewer.gone)?.code, 'webrtc_unavailable', 'viewers are told to connect anew');
    await until(() => left(b.kernel), (status) => JSON.stringify(status) === JSON.stringify(nothing), 'nothing stays');
    await until(() => left(a.kernel), ({ sent }) => sent.pipes === 1, 'nor at the other end, but for the one who does not listen');

    using two = await new Joined(a.kernel, b.kernel, 'front').ready();
    const another = await b.kernel.pipes!.camera('front').join();
    await a.kernel.removeCamera('front');
    assert.equal((await another.gone)?.code, 'webrtc_unavailable');
    assert.equal(two.closed?.code, 4503);
    assert.equal(await closing(`ws+unix:${a.kernel.socketPath}:/v1/cameras/front/pipe?address=127.0.0.1&port=9`), '404');
    assert.equal(await closing(`ws+unix:${a.kernel.socketPath}:/v1/cameras/back/pipe?address=yard&port=9`), '400');

    // What is sent goes elsewhere, and the receiver sees nothing of it.
    using lost = new Joined(a.kernel, b.kernel, 'back', (message) => (message.type === 'listen' ? { ...message, port: silent.address().port } : message));
    await until(() => lost.closed, (closed) => closed !== null, 'it is given up');
    assert.match(`${lost.closed!.code} ${lost.closed!.reason}`, /^4504 timeout: no picture came over the pipe/);

    const [code, reason] = await deafEnds;
    assert.match(`${code} ${reason.toString()}`, /^4504 timeout: the other node does not report/);
    assert.ok(packets > 0, 'it was sent to');
    await until(() => left(a.kernel), (status) => JSON.stringify(status) === JSON.stringify(nothing), 'and is no longer');
    await using alone = await TestKernel.start([]);
    assert.equal(await closing(`ws+unix:${alone.kernel.socketPath}:/v1/piped/front?toward=127.0.0.1`), '404');
  });
});
