// WHEP as a player of another make meets it: the server's own address, nothing but what every browser has, and a whole Ruth behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CameraStatus } from '@ruth/protocol';
import { noWebRtc } from '../../packages/kernel/test/webrtc-browser.ts';
import { launchBrowser, openPage } from '../../packages/web/test/browser.ts';
import { RunningRuth } from './running-ruth.ts';

interface Playing { readonly width: number; readonly framesDecoded: number }

test('any WHEP player sees the demo, and ends its session where the server says it is', { skip: noWebRtc() }, async () => {
  await using ruth = await RunningRuth.start(['demo']);
  const camera = await ruth.until('the demo streams', async () => (await ruth.get<CameraStatus[]>('/api/v1/cameras')).find(({ state }) => state === 'streaming'));
  const browser = await launchBrowser();
  try {
    const { page } = await openPage(browser, 'about:blank');
    await page.context().addCookies([await ruth.cookie()]);
    // A page of the server with nothing on it: its own players are not to be counted.
    await page.goto(new URL('/api/v1/health', ruth.url).href);
    const location = await page.evaluate(async () => {
      const connection = new RTCPeerConnection();
      const video = document.createElement('video');
      video.muted = true;
      connection.addTransceiver('video', { direction: 'recvonly' });
      connection.ontrack = ({ track }) => {
        video.srcObject = new MediaStream([track]);
        void video.play();
      };
      await connection.setLocalDescription(await connection.createOffer());
      const response = await fetch('/api/v1/cameras/demo/whep', { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: connection.localDescription!.sdp });
      if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
      await connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
      Object.assign(globalThis, { connection, video });
      return response.headers.get('location')!;
    });
    assert.match(location, /^\/api\/v1\/cameras\/demo\/whep\/[0-9a-f-]{36}$/);
    const playing = await ruth.until('pictures', () => page.evaluate(async (): Promise<Playing | null> => {
      const { connection, video } = globalThis as unknown as { connection: RTCPeerConnection; video: HTMLVideoElement };
      let framesDecoded = 0;
      (await connection.getStats()).forEach((stat: { type: string; framesDecoded?: number }) => { framesDecoded = Math.max(framesDecoded, stat.framesDecoded ?? 0); });
      return framesDecoded > 20 ? { width: video.videoWidth, framesDecoded } : null;
    }));
    assert.equal(playing.width, camera.width);
    const viewers = async (): Promise<number> => (await ruth.get<CameraStatus[]>('/api/v1/cameras'))[0]!.live.webrtc_viewers;
    assert.equal(await viewers(), 1);
    assert.equal((await fetch(new URL(location, ruth.url), { method: 'DELETE', headers: ruth.headers })).status, 200);
    await ruth.until('no viewer is left', async () => await viewers() === 0);
    // A page of another origin may neither ask nor read.
    const preflight = await fetch(new URL('/api/v1/cameras/demo/whep', ruth.url), { method: 'OPTIONS', headers: { ...ruth.headers, 'origin': 'http://elsewhere.example', 'access-control-request-method': 'POST' } });
    assert.equal(preflight.headers.get('access-control-allow-origin'), null);
  } finally {
    await browser.close();
  }
});
