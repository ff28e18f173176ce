// RTSP responses: the status codes this server uses, and how one is written (RFC 2326, section 7).

export const REASONS = {
  200: 'OK', 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found', 405: 'Method Not Allowed', 408: 'Request Time-out',
  413: 'Request Entity Too Large', 414: 'Request-URI Too Large', 451: 'Parameter Not Understood', 454: 'Session Not Found',
  455: 'Method Not Valid in This State', 461: 'Unsupported Transport', 500: 'Internal Server Error', 501: 'Not Implemented',
  503: 'Service Unavailable', 505: 'RTSP Version not supported', 551: 'Option not supported',
} as const;
export type Status = keyof typeof REASONS;

export interface Reply {
  readonly status: Status;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Runs once the answer is written: what must come after it on the wire. */
  readonly after?: () => void;
  /** The connection ends after this answer. */
  readonly close?: boolean;
}

export function encodeReply(reply: Reply, cseq: string | null): Buffer {
  const body = Buffer.from(reply.body ?? '');
  const lines = [`RTSP/1.0 ${reply.status} ${REASONS[reply.status]}`];
  if (cseq !== null) lines.push(`CSeq: ${cseq}`);
  lines.push('Server: Ruth');
  for (const [name, value] of Object.entries(reply.headers ?? {})) lines.push(`${name}: ${value}`);
  if (reply.close) lines.push('Connection: close');
  if (body.length > 0) lines.push(`Content-Length: ${body.length}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
}
