// A search for ONVIF devices in a process of its own. Reads a DiscoverRequest from standard input, for credentials among arguments
// could be seen by all; writes one JSON line, {"devices"} or {"error", "error_code"}.
import { text } from 'node:stream/consumers';
import { DiscoverRequest, redactUrls, RuthError, validator } from '@ruth/protocol';
import { discover } from './discovery.ts';

const answer = (value: unknown, exitCode: number): never => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
  process.exit(exitCode);
};

// The library throws from its callbacks: a device that answers nonsense must not end the search for the others.
process.on('uncaughtException', () => undefined);
try {
  const { timeout_ms: timeoutMs, interface: interfaceName, credentials, addresses = {} } = validator(DiscoverRequest).parse(JSON.parse(await text(process.stdin)) as unknown);
  answer({ devices: await discover({ timeoutMs, interfaceName, credentials, addresses }) }, 0);
} catch (cause) {
  const error = RuthError.from(cause);
  answer({ error: redactUrls(error.message), error_code: error.code }, 1);
}
