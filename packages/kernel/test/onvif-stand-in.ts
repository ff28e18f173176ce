// An ONVIF device for tests: real SOAP over HTTP, with the digest of WS-UsernameToken checked, and a real answer to WS-Discovery
// over multicast on loopback.
import { createHash, randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const MULTICAST = '239.255.255.250';
const DISCOVERY_PORT = 3702;
const envelope = (body: string, header = ''): string => `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"><s:Header>${header}</s:Header><s:Body>${body}</s:Body></s:Envelope>`;
const profile = (token: string, width: number, height: number): string => `<trt:Profiles token="${token}"><tt:Name>${token} stream</tt:Name><tt:VideoSourceConfiguration token="v"><tt:Name>v</tt:Name><tt:SourceToken>source</tt:SourceToken></tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration token="e"><tt:Name>e</tt:Name><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>${width}</tt:Width><tt:Height>${height}</tt:Height></tt:Resolution><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit></tt:RateControl></tt:VideoEncoderConfiguration><tt:PTZConfiguration token="p"><tt:Name>p</tt:Name></tt:PTZConfiguration></trt:Profiles>`;

export class OnvifStandIn implements AsyncDisposable {
  readonly #credentials: { user: string; password: string };
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #discovery = createSocket({ type: 'udp4', reuseAddr: true });
  /** Name and body of each request that turned it, in order. */
  readonly turned: { readonly name: string; readonly body: string }[] = [];
  refused = 0;
  requests = 0;
  /** Answers what no device would. */
  nonsense = false;
  /** Answers each request by sending it there. */
  elsewhere: string | null = null;
  /** Announced in front of its own address. */
  addresses: readonly string[] = [];
  /** Where its main stream is. */
  mainStream = 'rtsp://admin:leaked@127.0.0.1:8554/main';

  private constructor(credentials: { user: string; password: string }) { this.#credentials = credentials; }

  static async start(credentials: { user: string; password: string }): Promise<OnvifStandIn> {
    const device = new OnvifStandIn(credentials);
    device.#server.listen(0, '127.0.0.1');
    await once(device.#server, 'listening');
    device.#discovery.on('message', (message, from) => device.#match(message.toString(), from.port, from.address));
    device.#discovery.bind(DISCOVERY_PORT);
    await once(device.#discovery, 'listening');
    device.#discovery.addMembership(MULTICAST, '127.0.0.1');
    return device;
  }

  get url(): string { return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/onvif/device_service`; }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#discovery.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #match(probe: string, port: number, address: string): void {
    const messageId = /MessageID[^>]*>([^<]+)</.exec(probe)?.[1];
    if (messageId === undefined || !probe.includes('NetworkVideoTransmitter')) return;
    if (this.nonsense) this.#discovery.send('<nonsense', port, address);
    this.#discovery.send(envelope(
      `<d:ProbeMatches><d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:${randomUUID()}</a:Address></a:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/name/Gate%20camera onvif://www.onvif.org/hardware/STAND-IN onvif://www.onvif.org/location/yard</d:Scopes><d:XAddrs>${[...this.addresses, this.url].join(' ')}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches>`,
      `<a:MessageID>urn:uuid:${randomUUID()}</a:MessageID><a:RelatesTo>${messageId}</a:RelatesTo>`,
    ), port, address);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const text = Buffer.concat(await request.toArray() as Buffer[]).toString();
    const name = /<s:Body[^>]*>\s*<(?:\w+:)?(\w+)/.exec(text)?.[1] ?? '';
    const send = (status: number, body: string): void => { response.writeHead(status, { 'content-type': 'application/soap+xml; charset=utf-8' }).end(body); };
    if (this.elsewhere !== null) return void response.writeHead(307, { location: this.elsewhere }).end();
    if (this.nonsense) return send(200, envelope(`<tds:${name}Response/>`));
    if (name !== 'GetSystemDateAndTime' && !this.#isAuthentic(text)) {
      this.refused++;
      return send(400, envelope('<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">Sender not Authorized</s:Text></s:Reason></s:Fault>'));
    }
    send(200, envelope(this.#body(name, text)));
  }

  #body(name: string, text: string): string {
    const now = new Date();
    switch (name) {
      case 'GetSystemDateAndTime': return `<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:UTCDateTime><tt:Time><tt:Hour>${now.getUTCHours()}</tt:Hour><tt:Minute>${now.getUTCMinutes()}</tt:Minute><tt:Second>${now.getUTCSeconds()}</tt:Second></tt:Time><tt:Date><tt:Year>${now.getUTCFullYear()}</tt:Year><tt:Month>${now.getUTCMonth() + 1}</tt:Month><tt:Day>${now.getUTCDate()}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`;
      case 'GetServices': return `<tds:GetServicesResponse>${['ver10/device', 'ver10/media', 'ver20/ptz'].map((service) => `<tds:Service><tds:Namespace>http://www.onvif.org/${service}/wsdl</tds:Namespace><tds:XAddr>http://192.0.2.99/onvif/${service.slice(6)}</tds:XAddr></tds:Service>`).join('')}</tds:GetServicesResponse>`;
      case 'GetProfiles': return `<trt:GetProfilesResponse>${profile('sub', 640, 360)}${profile('main', 2560, 1440)}</trt:GetProfilesResponse>`;
      case 'GetVideoSources': return '<trt:GetVideoSourcesResponse><trt:VideoSources token="source"><tt:Framerate>25</tt:Framerate></trt:VideoSources></trt:GetVideoSourcesResponse>';
      case 'GetStreamUri': return `<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>${/ProfileToken>main</.test(text) ? this.mainStream : 'rtsp://admin:leaked@127.0.0.1:8554/sub'}</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>`;
      case 'GetPresets': return '<tptz:GetPresetsResponse><tptz:Preset token="1"><tt:Name>gate</tt:Name></tptz:Preset><tptz:Preset token="2"><tt:Name>yard</tt:Name></tptz:Preset></tptz:GetPresetsResponse>';
      case 'ContinuousMove': case 'Stop': case 'GotoPreset':
        this.turned.push({ name, body: text });
        return `<tptz:${name}Response/>`;
      default: return '<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang="en">Optional Action Not Implemented</s:Text></s:Reason></s:Fault>';
    }
  }

  /** WS-UsernameToken: base64(SHA-1(nonce + created + password)). */
  #isAuthentic(text: string): boolean {
    const part = (name: string): string => new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>([^<]*)<`).exec(text)?.[1] ?? '';
    const created = part('Created');
    const digest = createHash('sha1').update(Buffer.from(part('Nonce'), 'base64')).update(created).update(this.#credentials.password).digest('base64');
    return part('Username') === this.#credentials.user && part('Password') === digest && Math.abs(Date.parse(created) - Date.now()) < 60_000;
  }
}
