// One set-up at a time in a folder. The lock is an abstract Unix socket: the system frees it when its owner dies, in
// whatever way, and who waits hears it at once.
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { connect, createServer } from 'node:net';

/**
 * Runs `work` while no other set-up works in `root`, after any that does.
 * @param {string} root
 * @param {(owner: string) => void} onWait told once, with the owner, if there is one
 * @param {() => Promise<void>} work
 */
export async function holdLock(root, onWait, work) {
  const name = `\0ruth-setup-${createHash('sha256').update(realpathSync(root)).digest('hex').slice(0, 32)}`;
  let told = false;
  let server = await listen(name);
  while (server === null) {
    await ownerGone(name, (owner) => {
      if (!told) onWait(owner);
      told = true;
    });
    server = await listen(name);
  }
  try {
    await work();
  } finally {
    server.close();
    server.unref();
  }
}

/** @param {string} name @returns {Promise<import('node:net').Server | null>} null where another owns the name */
function listen(name) {
  return new Promise((resolve, reject) => {
    /** @type {Set<import('node:net').Socket>} */
    const waiting = new Set();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on('error', () => undefined).on('close', () => waiting.delete(socket));
      socket.write(`process ${process.pid}`);
    });
    server.on('close', () => undefined);
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => error.code === 'EADDRINUSE' ? resolve(null) : reject(error));
    server.listen(name, () => {
      const close = server.close.bind(server);
      server.close = (callback) => {
        for (const socket of waiting) socket.destroy();
        return close(callback);
      };
      resolve(server);
    });
  });
}

/** @param {string} name @param {(owner: string) => void} onOwner @returns {Promise<void>} when the owner has let go, or is dead */
function ownerGone(name, onOwner) {
  return new Promise((resolve) => {
    const socket = connect(name);
    socket.setEncoding('utf8').once('data', (text) => onOwner(String(text)));
    socket.on('error', () => undefined).on('close', () => resolve());
  });
}
