// A camera's description (SDP, RFC 8866) taken apart by its media.

export interface MediaSection {
  readonly kind: string;
  /** In the order of preference. */
  readonly formats: readonly { readonly payloadType: number; readonly encoding: string | null; readonly parameters: ReadonlyMap<string, string> }[];
  /** Where to SETUP: absolute. */
  readonly controlUrl: string;
}

/** `baseUrl`: that of the answer, or of the request. */
export function mediaSections(description: string, baseUrl: string): MediaSection[] {
  const [session = '', ...media] = description.split(/\r?\n(?=m=)/);
  const base = control(session) === null ? baseUrl : resolve(baseUrl, control(session)!);
  return media.map((section) => {
    const [kind = '', , , ...types] = (/^m=(.*)$/m.exec(section)?.[1] ?? '').trim().split(/\s+/);
    return {
      kind, controlUrl: resolve(base, control(section) ?? '*'),
      formats: types.filter((type) => /^\d{1,3}$/.test(type)).map((type) => ({
        payloadType: Number(type), encoding: new RegExp(`^a=rtpmap:${type} ([^\\s]+)`, 'm').exec(section)?.[1]?.toUpperCase() ?? null,
        parameters: parametersOf(new RegExp(`^a=fmtp:${type} (.*)$`, 'm').exec(section)?.[1] ?? ''),
      })),
    };
  });
}

const control = (section: string): string | null => /^a=control:(\S+)/m.exec(section)?.[1] ?? null;

/** As cameras mean it, not as RFC 3986 says: what is relative is appended. */
function resolve(base: string, path: string): string {
  if (path === '*') return base;
  if (/^rtsps?:\/\//i.test(path)) return path;
  return base.endsWith('/') ? base + path : `${base}/${path}`;
}

/** Names in lower case. */
function parametersOf(text: string): Map<string, string> {
  return new Map(text.split(';').map((pair) => {
    const [name = '', ...value] = pair.trim().split('=');
    return [name.toLowerCase(), value.join('=').trim()] as const;
  }));
}
