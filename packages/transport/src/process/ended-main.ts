// Waits until a process of this node has ended: `node ended-main.ts SOCKET SECONDS`, which nobody answers at any more, so many seconds at most. For who must not end
// before it, under an orchestrator that ends all at once (a preStop hook).
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol/base';

const LOOK_EVERY_MS = 250;

try {
  const [socketPath, seconds, ...more] = process.argv.slice(2);
  if (socketPath === undefined || !(Number(seconds) > 0) || more.length > 0) throw new RuthError('bad_request', 'name a socket and for how many seconds to wait at most, e.g. /tmp/vas_core.sock 30');
  for (const begunMs = performance.now(); performance.now() - begunMs < Number(seconds) * 1000 && await isAnswered(socketPath); await delay(LOOK_EVERY_MS));
} catch (cause) {
  console.error(RuthError.from(cause).message);
  process.exitCode = 1;
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
