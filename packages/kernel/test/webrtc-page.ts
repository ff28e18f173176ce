// What runs in the browser of the WebRTC tests: a viewer by signalling (mediasoup-client), and one by WHEP with nothing but
// what browsers have.
import type { WebRtcFromKernel, WebRtcFromPage } from '@ruth/protocol';
import { Device } from 'mediasoup-client';
import type { types } from 'mediasoup-client';

export interface Seen { readonly width: number; readonly height: number; readonly frames: number; readonly protocol: string | null }

export interface PageViewer {
  readonly messages: WebRtcFromKernel[];
  readonly video: HTMLVideoElement;
  /** Times of pictures as they were shown: RTP timestamp and page clock. */
  readonly shown: { readonly rtpTimestamp: number; readonly atMs: number }[];
  closed: { readonly code: number; readonly reason: string } | null;
  readonly stats: () => Promise<RTCStatsReport>;
  readonly stop: () => void;
}

const viewers: PageViewer[] = [];

function videoOf(track: MediaStreamTrack, shown: PageViewer['shown']): HTMLVideoElement {
  const video = document.createElement('video');
  video.muted = true;
  video.autoplay = true;
  video.srcObject = new MediaStream([track]);
  document.body.append(video);
  const each = (nowMs: number, { rtpTimestamp }: VideoFrameCallbackMetadata): void => {
    shown.push({ rtpTimestamp: rtpTimestamp ?? -1, atMs: nowMs });
    video.requestVideoFrameCallback(each);
  };
  video.requestVideoFrameCallback(each);
  return video;
}

/** Index of the viewer, once its consumer is there. `protocol`: only candidates of it are used. */
async function watch(url: string, protocol?: 'udp' | 'tcp'): Promise<number> {
  const socket = new WebSocket(new URL(url, location.href.replace('http', 'ws')));
  const device = await Device.factory();
  const messages: WebRtcFromKernel[] = [];
  const shown: PageViewer['shown'] = [];
  const ready = Promise.withResolvers<number>();
  let connected = (): void => undefined;
  let transport: types.Transport | undefined;
  let consumer: types.Consumer | undefined;
  const send = (message: WebRtcFromPage): void => socket.send(JSON.stringify(message));
  const viewer: PageViewer = {
    messages, shown, video: document.createElement('video'), closed: null,
    stats: async () => consumer?.getStats() ?? new Map(), stop: () => socket.close(),
  };
  const index = viewers.push(viewer) - 1;

  const take = async (message: WebRtcFromKernel): Promise<void> => {
    messages.push(message);
    if (message.type === 'offer') {
      const offered = (message).transport as unknown as types.TransportOptions;
      await device.load({ routerRtpCapabilities: message.router_rtp_capabilities });
      transport = device.createRecvTransport({ ...offered, iceCandidates: offered.iceCandidates.filter((candidate) => !protocol || candidate.protocol === protocol) });
      transport.on('connect', ({ dtlsParameters }, done) => {
        connected = done;
        send({ type: 'connect', dtls_parameters: dtlsParameters as unknown as Record<string, unknown> });
      });
      send({ type: 'receive', rtp_capabilities: device.recvRtpCapabilities as unknown as Record<string, unknown> });
    } else if (message.type === 'consumer') {
      consumer = await transport!.consume(message.consumer as unknown as types.ConsumerOptions);
      Object.assign(viewer, { video: videoOf(consumer.track, shown) });
      send({ type: 'resume' });
      ready.resolve(index);
    } else if (message.type === 'connected') connected();
  };
  socket.onmessage = ({ data }) => { take(JSON.parse(data as string) as WebRtcFromKernel).catch(ready.reject); };
  socket.onclose = ({ code, reason }) => {
    viewer.closed = { code, reason };
    ready.resolve(index);
  };
  return ready.promise;
}

/** Location and status of the answer; a viewer where it was accepted. */
async function whep(url: string, { protocol, audioFirst = false }: { protocol?: 'udp' | 'tcp'; audioFirst?: boolean } = {}): Promise<{ status: number; location: string | null; etag: string | null; index: number }> {
  const connection = new RTCPeerConnection();
  if (audioFirst) connection.addTransceiver('audio', { direction: 'recvonly' });
  connection.addTransceiver('video', { direction: 'recvonly' });
  const shown: PageViewer['shown'] = [];
  const viewer: PageViewer = { messages: [], shown, video: document.createElement('video'), closed: null, stats: () => connection.getStats(), stop: () => connection.close() };
  connection.ontrack = ({ track }) => { if (track.kind === 'video') Object.assign(viewer, { video: videoOf(track, shown) }); };
  await connection.setLocalDescription(await connection.createOffer());
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: connection.localDescription!.sdp });
  const index = viewers.push(viewer) - 1;
  const answer = { status: response.status, location: response.headers.get('location'), etag: response.headers.get('etag'), index };
  if (response.status !== 201) return answer;
  const sdp = (await response.text()).split('\r\n').filter((line) => !protocol || !line.startsWith('a=candidate') || line.includes(` ${protocol} `)).join('\r\n');
  await connection.setRemoteDescription({ type: 'answer', sdp });
  return answer;
}

async function see(index: number): Promise<Seen> {
  const { video, stats } = viewers[index]!;
  let frames = 0;
  let protocol: string | null = null;
  const report = [...(await stats()).values()] as { type: string; framesDecoded?: number; kind?: string; id: string; selectedCandidatePairId?: string; remoteCandidateId?: string; protocol?: string; nominated?: boolean; state?: string }[];
  for (const stat of report) {
    if (stat.type === 'inbound-rtp' && stat.kind === 'video') frames = stat.framesDecoded ?? 0;
    if (stat.type === 'candidate-pair' && stat.nominated && stat.state === 'succeeded') protocol = report.find(({ id }) => id === stat.remoteCandidateId)?.protocol ?? null;
  }
  return { width: video.videoWidth, height: video.videoHeight, frames, protocol };
}

export const ruth = { viewers, watch, whep, see };
Object.assign(globalThis, { ruth });
