// How the RTSP server answers requests, right and wrong, and how it bounds what a client can cost.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { RuthError } from '@ruth/protocol';
import { LiveSource, RtspServer, type MediaSource, type RtspServerOptions } from '../src/live/rtsp/index.ts';
import { BareClient, type Packet } from './rtsp-client.ts';

const SPS = Buffer.from('67640028acd940780227e5c044000003000400000300f03c60c658', 'hex');
const PPS = Buffer.from('68ebe3cb22c0', 'hex');
const IDR = Buffer.concat([Buffer.from([0x65]), Buffer.alloc(3000, 1)]);
const TCP = { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' };

function liveSource(): LiveSource {
  const source = new LiveSource({ codec: 'h264', parameterSets: [SPS, PPS], frameRate: 25 });
  source.push({ nals: [IDR], ptsUs: 0, keyframe: true });
  return source;
}

async function serve(options: Partial<RtspServerOptions> = {}): Promise<{ server: RtspServer; url: string; client: BareClient; source: LiveSource } & AsyncDisposable> {
  const source = liveSource();
  const server = await RtspServer.listen({ source: (mount) => (mount === 'demo' ? source : null), ...options });
  const client = await BareClient.connect(server.port);
  return {
    server, source, client, url: server.url('demo'),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await server.close();
    },
  };
}

describe('an RTSP client', () => {
  test('goes the whole way from OPTIONS to TEARDOWN, and begins at a keyframe with its parameter sets', async () => {
    await using it = await serve();
    const options = await it.client.request('OPTIONS', it.url);
    assert.match(options.headers.get('public')!, /DESCRIBE.*GET_PARAMETER/);
    const described = await it.client.request('DESCRIBE', it.url, { Accept: 'application/sdp' });
    assert.equal(described.headers.get('content-type'), 'application/sdp');
    assert.equal(described.headers.get('content-base'), `${it.url}/`);
    assert.match(described.body, /a=rtpmap:96 H264\/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=640028;sprop-parameter-sets=Z2QAKKzZ/);
    const setup = await it.client.request('SETUP', `${it.url}/track1`, { Transport: 'RTP/AVP/TCP;unicast;interleaved=4-5' });
    assert.match(setup.headers.get('transport')!, /^RTP\/AVP\/TCP;unicast;interleaved=4-5;ssrc=[0-9A-F]{8};mode="PLAY"$/);
    const [session, timeout] = setup.headers.get('session')!.split(';');
    assert.equal(timeout, 'timeout=60');
    const play = await it.client.request('PLAY', it.url, { Session: session!, Range: 'npt=0.000-' });
    const info = /url=(.*);seq=(\d+);rtptime=(\d+)/.exec(play.headers.get('rtp-info')!)!;
    assert.equal(info[1], `${it.url}/track1`);
    const report = await it.client.next();
    assert.ok(report?.kind === 'packet' && report.channel === 5 && report.data[1] === 200, 'a sender report comes before the first packet');
    const packets: Packet[] = [];
    for (let message = await it.client.next(); message?.kind === 'packet'; message = await it.client.next()) {
      packets.push(message);
      if (packets.length === 5) break;
    }
    assert.deepEqual(packets.map((packet) => packet.channel), [4, 4, 4, 4, 4]);
    assert.deepEqual(packets.map(({ data }) => data.readUInt16BE(2)), [0, 1, 2, 3, 4].map((n) => (Number(info[2]) + n) & 0xffff));
    assert.equal(packets[0]!.data.readUInt32BE(4), Number(info[3]));
    assert.deepEqual(packets.map(({ data }) => data[12]! & 0x1f), [7, 8, 28, 28, 28], 'SPS, PPS, and the keyframe in fragments');
    assert.deepEqual(packets.map(({ data }) => data[1]! >> 7), [0, 0, 0, 0, 1], 'the last packet of a picture is marked');
    assert.equal((await it.client.request('GET_PARAMETER', it.url, { Session: session! })).status, 200);
    assert.equal((await it.client.request('TEARDOWN', it.url, { Session: session! })).status, 200);
    assert.equal((await it.client.request('PLAY', it.url, { Session: session! })).status, 454);
  });

  test('pauses, and on PLAY goes on at the newest keyframe', async () => {
    await using it = await serve();
    const session = await it.client.play(it.url);
    assert.equal((await it.client.request('PAUSE', it.url, { Session: session })).status, 200);
    it.source.push({ nals: [Buffer.from([0x41, 9])], ptsUs: 40_000, keyframe: false });
    it.source.push({ nals: [IDR], ptsUs: 80_000, keyframe: true });
    const play = await it.client.request('PLAY', it.url, { Session: session });
    const first = await it.client.rtp();
    assert.equal(first.readUInt32BE(4), Number(/rtptime=(\d+)/.exec(play.headers.get('rtp-info')!)![1]));
    assert.equal(first[12]! & 0x1f, 7);
  });

  test('that comes before the first keyframe gets nothing until there is one', async () => {
    const source = new LiveSource({ codec: 'h264', parameterSets: [SPS, PPS], frameRate: null });
    await using it = await serve({ source: () => source });
    await it.client.play(it.url);
    source.push({ nals: [Buffer.from([0x41, 9])], ptsUs: 0, keyframe: false });
    source.push({ nals: [IDR], ptsUs: 40_000, keyframe: true });
    assert.equal((await it.client.rtp())[12]! & 0x1f, 7);
    assert.equal(it.server.counters.unitsDropped, 0);
  });

  const refusals: [what: string, status: number, method: string, path: string, headers: Record<string, string>, body?: string][] = [
    ['a mount that is not there', 404, 'DESCRIBE', '/other', {}],
    ['a URI without a path', 404, 'DESCRIBE', '', {}],
    ['SETUP of a mount that is not there', 404, 'SETUP', '/other/track1', TCP],
    ['multicast', 461, 'SETUP', '/demo/track1', { Transport: 'RTP/AVP;multicast' }],
    ['UDP without ports', 461, 'SETUP', '/demo/track1', { Transport: 'RTP/AVP;unicast' }],
    ['UDP to a system port', 461, 'SETUP', '/demo/track1', { Transport: 'RTP/AVP;unicast;client_port=53-54' }],
    ['PLAY without a session', 454, 'PLAY', '/demo', {}],
    ['a session that is not there', 454, 'PLAY', '/demo', { Session: 'abc' }],
    ['a keep-alive of a session that is not there', 454, 'GET_PARAMETER', '/demo', { Session: 'abc' }],
    ['a parameter', 451, 'GET_PARAMETER', '/demo', {}, 'packets_received\r\n'],
    ['RECORD', 405, 'RECORD', '/demo', {}],
    ['a method of no RTSP', 501, 'BREW', '/demo', {}],
    ['a required option', 551, 'OPTIONS', '/demo', { Require: 'implicit-play' }],
    ['a CSeq that is no number', 400, 'OPTIONS', '/demo', { CSeq: 'x' }],
  ];
  for (const [what, status, method, path, headers, body] of refusals) {
    test(`is answered ${status} for ${what}, and may go on`, async () => {
      await using it = await serve();
      assert.equal((await it.client.request(method, `rtsp://127.0.0.1:${it.server.port}${path}`, headers, body)).status, status);
      assert.equal((await it.client.request('OPTIONS', '*')).status, 200);
    });
  }

  test('is answered 455 for a second SETUP, and 505 for another version', async () => {
    await using it = await serve();
    await it.client.play(it.url);
    assert.equal((await it.client.request('SETUP', `${it.url}/track1`, TCP)).status, 455);
    it.client.socket.write(`OPTIONS ${it.url} RTSP/2.0\r\nCSeq: 9\r\n\r\n`);
    let message = await it.client.next();
    while (message?.kind === 'packet') message = await it.client.next();
    assert.equal(message?.status, 505);
  });

  test('is answered 503 while the source has no video', async () => {
    const errors: string[] = [];
    const source: MediaSource = { describe: () => Promise.reject(new RuthError('camera_unreachable', 'the camera is off')), subscribe: () => assert.fail() };
    await using it = await serve({ source: () => source, onError: (error) => errors.push(error.code) });
    assert.equal((await it.client.request('DESCRIBE', it.url)).status, 503);
    assert.deepEqual(errors, ['camera_unreachable']);
  });
});

describe('digest authentication', () => {
  const credentials = { user: 'viewer', password: 'p@ss "word"' };
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
  const authorization = (challenge: string, method: string, uri: string, password = credentials.password, user = credentials.user): string => {
    const [, realm, nonce] = /realm="([^"]*)", nonce="([^"]*)"/.exec(challenge)!;
    const response = md5(`${md5(`${user}:${realm}:${password}`)}:${nonce}:${md5(`${method}:${uri}`)}`);
    return `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}"`;
  };

  test('lets in who knows the password, and nobody else', async () => {
    await using it = await serve({ credentials });
    assert.equal((await it.client.request('OPTIONS', it.url)).status, 200);
    const refused = await it.client.request('DESCRIBE', it.url);
    assert.equal(refused.status, 401);
    const challenge = refused.headers.get('www-authenticate')!;
    assert.equal((await it.client.request('DESCRIBE', it.url, { Authorization: authorization(challenge, 'DESCRIBE', it.url, 'wrong') })).status, 401);
    assert.equal((await it.client.request('DESCRIBE', it.url, { Authorization: authorization(challenge, 'DESCRIBE', it.url) })).status, 200);
    assert.equal((await it.client.request('SETUP', `${it.url}/track1`, TCP)).status, 401, 'every request is asked');
    assert.equal(it.server.counters.loginsFailed, 1);
  });

  test('accepts an answer for that method, address and connection alone', async () => {
    await using it = await serve({ credentials });
    const challenge = (await it.client.request('DESCRIBE', it.url)).headers.get('www-authenticate')!;
    const proof = authorization(challenge, 'DESCRIBE', it.url);
    assert.equal((await it.client.request('SETUP', `${it.url}/track1`, { ...TCP, Authorization: proof })).status, 401);
    using other = await BareClient.connect(it.server.port);
    assert.equal((await other.request('DESCRIBE', it.url, { Authorization: proof })).status, 401);
  });

  test('ends the connection after three wrong answers', async () => {
    await using it = await serve({ credentials });
    const challenge = (await it.client.request('DESCRIBE', it.url)).headers.get('www-authenticate')!;
    for (let i = 0; i < 3; i++) {
      assert.equal((await it.client.request('DESCRIBE', it.url, { Authorization: authorization(challenge, 'DESCRIBE', it.url, `guess ${i}`) })).status, 401);
    }
    assert.equal(await it.client.next(), null);
  });
});

describe('what a client can cost is bounded:', () => {
  test('a head that never ends is refused with 413', async () => {
    await using it = await serve();
    it.client.socket.write(`OPTIONS ${it.url} RTSP/1.0\r\nX: ${'y'.repeat(9000)}`);
    const response = await it.client.next();
    assert.ok(response?.kind === 'response' && response.status === 413);
    assert.equal(await it.client.next(), null);
  });

  test('a request begun and not completed ends with 408', async () => {
    await using it = await serve({ limits: { messageTimeoutMs: 100 } });
    it.client.socket.write('OPTIONS rtsp://');
    const response = await it.client.next();
    assert.ok(response?.kind === 'response' && response.status === 408);
    assert.equal(it.server.counters.timedOut, 1);
  });

  test('a connection that stays silent ends, but not one that plays over TCP', async () => {
    // Whoever plays has asked for it long before, on a busy machine, too.
    await using it = await serve({ limits: { sessionTimeoutMs: 1000 } });
    using player = await BareClient.connect(it.server.port);
    await player.play(it.url);
    assert.equal((await it.client.next() as { status: number }).status, 408);
    using later = await BareClient.connect(it.server.port);
    assert.equal((await later.next() as { status: number }).status, 408);
    assert.equal(it.server.counters.timedOut, 2);
    assert.equal((await player.request('OPTIONS', it.url)).status, 200);
  });

  test('connections over the limit are closed at once', async () => {
    await using it = await serve({ limits: { maxConnections: 1 } });
    await it.client.request('OPTIONS', it.url);
    using second = await BareClient.connect(it.server.port);
    assert.equal(await second.next(), null);
    assert.equal(it.server.counters.connectionsRefused, 1);
    assert.equal((await it.client.request('OPTIONS', it.url)).status, 200);
  });

  test('a client that does not read loses pictures and then its connection, while another gets every one', async () => {
    await using it = await serve({ limits: { maxBufferedBytes: 256 * 1024, slowClientTimeoutMs: 50 } });
    await it.client.play(it.url);
    using reader = await BareClient.connect(it.server.port);
    await reader.play(it.url);
    const picture = Buffer.concat([Buffer.from([0x65]), Buffer.alloc(200_000, 2)]);
    let expected: number | null = null;
    const readPicture = async (): Promise<void> => {
      for (let packet: Buffer | null = null; packet === null || packet[1]! >> 7 === 0;) {
        packet = await reader.rtp();
        assert.equal(packet.readUInt16BE(2), expected ?? packet.readUInt16BE(2));
        expected = (packet.readUInt16BE(2) + 1) & 0xffff;
      }
    };
    await readPicture();
    for (let ptsUs = 0; it.server.counters.slowClientsClosed === 0; ptsUs += 40_000) {
      it.source.push({ nals: [picture], ptsUs, keyframe: true });
      await readPicture();
    }
    assert.ok(it.server.counters.unitsDropped > 0);
    assert.equal(it.server.counters.slowClientsClosed, 1);
  });

  test('closing the server ends also the connection of a client that never reads', async () => {
    const it = await serve();
    await it.client.play(it.url);
    it.client.socket.pause();
    it.source.push({ nals: [Buffer.concat([Buffer.from([0x65]), Buffer.alloc(8_000_000)])], ptsUs: 40_000, keyframe: true });
    await it.server.close();
    assert.equal(it.server.connectionCount, 0);
    it.client[Symbol.dispose]();
  });
});

test('a port that is taken is said to be so', async () => {
  await using it = await serve();
  await assert.rejects(RtspServer.listen({ port: it.server.port, source: () => null }), { code: 'socket_in_use' });
});
