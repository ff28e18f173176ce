// The Transport header of SETUP (RFC 2326 12.39): the first way to send that both sides know.

export type Transport =
  | { readonly protocol: 'tcp'; readonly rtpChannel: number; readonly rtcpChannel: number }
  | { readonly protocol: 'udp'; readonly rtpPort: number; readonly rtcpPort: number };

/** Null where none of the client's choices is served: multicast, other profiles, ports out of range. */
export function chooseTransport(header: string): Transport | null {
  for (const choice of header.split(',')) {
    const [profile = '', ...parameters] = choice.trim().split(';').map((part) => part.trim());
    const values = new Map(parameters.map((parameter) => {
      const [name = '', value = ''] = parameter.split('=', 2);
      return [name.toLowerCase(), value];
    }));
    if (values.has('multicast') || /record/i.test(values.get('mode') ?? '')) continue;
    if (/^RTP\/AVP\/TCP$/i.test(profile)) {
      const pair = values.has('interleaved') ? range(values.get('interleaved')!, 0, 255) : [0, 1] as const;
      if (pair && pair[0] !== pair[1]) return { protocol: 'tcp', rtpChannel: pair[0], rtcpChannel: pair[1] };
    } else if (/^RTP\/AVP(\/UDP)?$/i.test(profile)) {
      const pair = range(values.get('client_port') ?? '', 1024, 65_535);
      if (pair) return { protocol: 'udp', rtpPort: pair[0], rtcpPort: pair[1] };
    }
  }
  return null;
}

/** `a-b`, or `a` which means `a` and the next. */
function range(text: string, min: number, max: number): readonly [number, number] | null {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return null;
  const first = Number(match[1]);
  const second = match[2] === undefined ? first + 1 : Number(match[2]);
  return first >= min && second >= min && first <= max && second <= max ? [first, second] : null;
}
