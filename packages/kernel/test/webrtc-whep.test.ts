// WHEP as its specification wants it, seen from a player that is no browser: every answer, and that nothing stays of a session.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'sdp-transform';
import { noWebRtc } from './webrtc-browser.ts';
import { Place } from './webrtc-place.ts';

const SDP = { 'content-type': 'application/sdp' };
const FRAGMENT = { 'content-type': 'application/trickle-ice-sdpfrag' };
const H264 = ['a=rtpmap:109 H264/90000', 'a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f', 'a=rtcp-fb:109 nack', 'a=rtcp-fb:109 nack pli', 'a=rtcp-fb:109 goog-remb'];

/** An offer as browsers make them: sound first, then video that takes `codecs`. */
const offer = (codecs: readonly string[] = H264, direction = 'recvonly'): string => [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1', 'a=ice-options:trickle',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=recvonly', 'a=rtpmap:111 opus/48000/2',
  'm=video 9 UDP/TLS/RTP/SAVPF 96 109', 'c=IN IP4 0.0.0.0', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789abcdef01234567',
  `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`, 'a=setup:actpass', 'a=mid:1', `a=${direction}`, 'a=rtcp-mux', 'a=rtpmap:96 VP8/90000', ...codecs, '',
].join('\r\n');

describe('WHEP', { skip: noWebRtc() }, () => {
  test('an offer is answered with its own payload type and ids, what is not sent is refused in it, and DELETE ends the session', async () => {
    await using place = await Place.start(['yard']);
    const { status, headers, text } = await place.request('POST', '/v1/cameras/yard/whep', SDP, offer());
    assert.equal(status, 201, text);
    assert.equal(headers['content-type'], 'application/sdp');
    assert.match(String(headers.location), /^\/v1\/cameras\/yard\/whep\/[0-9a-f-]{36}$/);
    const answer = parse(text);
    assert.equal(answer.icelite, 'ice-lite');
    assert.match(text, /^a=group:BUNDLE 1\r$/m);
    const [sound, video] = answer.media;
    assert.deepEqual([sound!.port, sound!.direction, String(sound!.mid)], [0, 'inactive', '0']);
    assert.deepEqual([video!.direction, video!.setup, String(video!.mid), String(video!.payloads)], ['sendonly', 'passive', '1', '109']);
    assert.deepEqual(video!.rtcpFb!.map(({ type, subtype }) => [type, subtype ?? '']), [['nack', ''], ['nack', 'pli']]);
    assert.deepEqual(video!.candidates!.map(({ transport, tcptype }) => [transport, tcptype ?? null]), [['udp', null], ['tcp', 'passive']]);
    assert.equal(place.cameras.yard!.camera.viewers, 1);

    const session = String(headers.location);
    const candidates = 'a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\nm=video 9 UDP/TLS/RTP/SAVPF 109\r\na=mid:1\r\na=candidate:1 1 UDP 1 127.0.0.1 9 typ host\r\n';
    const patch = async (extra: Record<string, string>, body = candidates): Promise<number> => (await place.request('PATCH', session, { ...FRAGMENT, ...extra }, body)).status;
    assert.equal(await patch({ 'if-match': String(headers.etag) }), 204);
    assert.equal(await patch({}), 204);
    assert.equal(await patch({ 'if-match': '"another"' }), 412);
    assert.equal(await patch({ 'if-match': '*' }), 422);
    assert.equal(await patch({}, candidates.replace('abcd', 'efgh')), 422);
    assert.equal(await patch({ 'content-type': 'text/plain' }), 415);
    assert.equal((await place.request('DELETE', session.replace('yard', 'door'))).status, 404);
    assert.equal((await place.request('DELETE', session)).status, 200);
    assert.equal((await place.request('DELETE', session)).status, 404);
    assert.equal(place.cameras.yard!.camera.viewers, 0);
  });

  test('what cannot be served is refused with its reason, and leaves nothing', async () => {
    await using place = await Place.start(['yard']);
    const refused: readonly [path: string, headers: Record<string, string>, body: string, status: number, code: string][] = [
      ['back', SDP, offer(), 404, 'camera_not_found'], ['yard', { 'content-type': 'application/json' }, '{}', 415, 'bad_request'], ['yard', {}, offer(), 415, 'bad_request'],
      ['yard', SDP, 'hello', 400, 'bad_request'], ['yard', SDP, 'v=0\r\n', 400, 'bad_request'], ['yard', SDP, offer(H264, 'sendonly'), 400, 'bad_request'],
      ['yard', SDP, offer().replace(/a=fingerprint.*\r\n/, ''), 400, 'bad_request'], ['yard', SDP, offer().replace('AB:AB', 'AB:XY'), 400, 'bad_request'],
      ['yard', SDP, offer([]), 406, 'unsupported_codec'], ['yard', SDP, offer(H264.map((line) => line.replace('packetization-mode=1', 'packetization-mode=0'))), 406, 'unsupported_codec'],
    ];
    for (const [id, headers, body, status, code] of refused) {
      const answer = await place.request('POST', `/v1/cameras/${id}/whep`, headers, body);
      assert.deepEqual([answer.status, (JSON.parse(answer.text) as { error_code: string }).error_code], [status, code], `${id} ${body.slice(0, 20)}`);
    }
    place.cameras.yard!.sender.codec = 'hevc';
    assert.equal((await place.request('POST', '/v1/cameras/yard/whep', SDP, offer())).status, 406);
    assert.equal((await place.request('GET', '/v1/cameras/yard/whep')).status, 404);
    assert.deepEqual([place.cameras.yard!.camera.viewers, place.webrtc.whep.size, ...place.loads].filter((count) => count > 0), []);
  });

  test('OPTIONS says what may be posted', async () => {
    await using place = await Place.start(['yard']);
    const { status, headers } = await place.request('OPTIONS', '/v1/cameras/yard/whep');
    assert.deepEqual([status, headers['accept-post']], [204, 'application/sdp']);
  });

  test('without a worker a player is told to come again', async () => {
    await using place = await Place.start(['yard'], { workerBinary: '/nowhere/mediasoup-worker' });
    const { status, headers, text } = await place.request('POST', '/v1/cameras/yard/whep', SDP, offer());
    assert.deepEqual([status, headers['retry-after'], (JSON.parse(text) as { error_code: string }).error_code], [503, '5', 'webrtc_unavailable']);
  });

  test('an offer of any bytes is answered, and never ends the kernel', async () => {
    await using place = await Place.start(['yard']);
    const good = offer();
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(good);
      // The same ones at every run.
      for (let k = 0; k < 8; k++) bytes[Math.abs(Math.imul(i * 8 + k + 1, 0x9e3779b1)) % bytes.length] = (i * 31 + k * 7) & 0x7f;
      const { status, headers, text } = await place.request('POST', '/v1/cameras/yard/whep', SDP, bytes.toString());
      assert.ok([201, 400, 406, 409].includes(status), `${status} ${text} for ${JSON.stringify(bytes.toString())}`);
      if (status === 201) assert.equal((await place.request('DELETE', String(headers.location))).status, 200);
    }
    assert.deepEqual([place.cameras.yard!.camera.viewers, place.webrtc.workerDeaths], [0, 0]);
  });
});
