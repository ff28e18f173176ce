// Camera URLs: what is accepted, and the form of one that may be shown. Credentials never leave through here.

const CAMERA_PROTOCOLS = ['rtsp:', 'rtsps:'];

/** Null where the URL can be a camera's; otherwise what is wrong with it, without quoting its credentials. */
export function cameraUrlProblem(url: string): string | null {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return 'is not a URL; use rtsp://[user:password@]host[:port]/path';
  }
  if (!CAMERA_PROTOCOLS.includes(parsed.protocol)) return `begins with ${parsed.protocol}//; use rtsp:// or rtsps://`;
  return parsed.hostname === '' ? 'has no host; use rtsp://[user:password@]host[:port]/path' : null;
}

/** Replaces user and password of every URL inside `text`: `rtsp://***@host/path`. Safe on any text, such as an error message. */
export function redactUrls(text: string): string {
  // Up to the LAST '@' before white space: a password may hold '@' or '/'.
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)([^\s"'<>]*)@/gi, '$1***@');
}
