// A probe in a process of its own: what a broken camera does to FFmpeg harms nothing else, and it needs no kernel that runs.
// Reads {"url", "transport", "seconds", "detect_stream"} from standard input, for a URL among arguments could be seen by all;
// writes one JSON line, {"report"} or {"error", "error_code"}.
import { text } from 'node:stream/consumers';
import { ProbeRequest, redactUrls, RuthError, validator } from '@ruth/protocol';
import { AV_LOG_QUIET } from 'node-av/constants';
import { Log } from 'node-av/lib';
import { probe } from './probe.ts';

// FFmpeg prints URLs with their credentials.
Log.setLevel(AV_LOG_QUIET);
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());

const answer = (value: unknown, exitCode: number): never => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
  process.exit(exitCode);
};

try {
  const { url, transport, seconds, detect_stream: detectStream, addresses = {} } = validator(ProbeRequest).parse(JSON.parse(await text(process.stdin)) as unknown);
  const onHang = (): void => answer({ error: 'the camera does not answer, and FFmpeg does not give up', error_code: 'camera_stalled' }, 1);
  answer({ report: await probe({ url, transport, seconds, detectStream, addresses, signal: stop.signal, onHang }) }, 0);
} catch (cause) {
  const error = RuthError.from(cause);
  answer({ error: redactUrls(error.message), error_code: error.code }, 1);
}
