// Camera URLs: what is accepted, and the form of one that may be shown. Credentials never leave through here.

const CAMERA_PROTOCOLS = ['rtsp:', 'rtsps:'];
/** What ends a URL inside a text. No camera URL may hold them bare: a password cut in two could not be hidden. */
const NOT_IN_URL = /[\s"'<>]/;
const WORDS = /[^\s"'<>]+/g;
/** How a URL is to be written, as messages of ours say it: no credentials. */
const FORM = /^rtsps?:\/\/\[user:password@\]host[^@]*$/;
/** Some cameras take credentials in the path or query: `/user=admin_password=secret_channel=1`, `?user=admin&password=secret`. */
const CREDENTIAL = /((?:user(?:name)?|usr|login|pass(?:word|wd)?|pwd|psw|token|secret|auth)=)[^&;]*?(?=_[a-z]+=|[&;]|$)/gi;

/** Null where the URL can be a camera's; otherwise what is wrong with it, without quoting its credentials. */
export function cameraUrlProblem(url: string): string | null {
  if (NOT_IN_URL.test(url)) return 'holds a space, a quote or an angle bracket; write them percent-encoded: %20, %22, %27, %3C, %3E';
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
  if (!text.includes('://')) return text;
  return text.replace(WORDS, (word) => {
    const scheme = word.indexOf('://');
    if (scheme < 0 || FORM.test(word)) return word;
    const begin = scheme + '://'.length;
    // Up to the LAST '@': a password may hold '@' or '/'.
    const at = word.lastIndexOf('@');
    const shown = at < begin ? word : `${word.slice(0, begin)}***${word.slice(at)}`;
    return shown.replace(CREDENTIAL, '$1***');
  });
}
