// Finds clients that are gone without a word (a pulled cable, a sleeping laptop): no sign of life for two rounds ends the connection.
import type { WebSocket } from 'ws';

const ROUND_MS = 15_000;

export function keepAlive(socket: WebSocket, roundMs = ROUND_MS): void {
  let silentRounds = 0;
  const heard = (): void => { silentRounds = 0; };
  socket.on('pong', heard).on('message', heard);
  const timer = setInterval(() => {
    if (++silentRounds > 2) socket.terminate();
    else socket.ping();
  }, roundMs);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
}
