// A PostgreSQL of a test's own: a new cluster in a folder that goes with it, reached over its Unix socket alone.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface RunningPostgres extends AsyncDisposable {
  readonly url: string;
  /** As where its machine fails; what was committed is there when it is started again. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Where Debian puts its programs; null where there are none. */
export const postgresPrograms = (): string | null => globSync('/usr/lib/postgresql/*/bin').find((directory) => existsSync(join(directory, 'initdb'))) ?? null;

export async function startPostgres(programs: string): Promise<RunningPostgres> {
  // Its socket's path must be short.
  const directory = mkdtempSync('/tmp/ruth-pg-');
  // PostgreSQL refuses to be root.
  const owner = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : null;
  if (owner) chownSync(directory, owner.uid, owner.gid);
  const data = join(directory, 'data');
  execFileSync(join(programs, 'initdb'), ['-D', data, '-U', 'ruth', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'], { ...owner, stdio: 'ignore', cwd: directory });
  let server: ChildProcess;
  const start = async (): Promise<void> => {
    const begun = server = spawn(join(programs, 'postgres'), ['-D', data, '-k', directory, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'shared_buffers=32MB'], { ...owner, stdio: ['ignore', 'ignore', 'pipe'], cwd: directory });
    const lines: string[] = [];
    const ready = Promise.withResolvers<void>();
    createInterface({ input: begun.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.includes('ready to accept connections')) ready.resolve();
    });
    begun.once('exit', () => ready.reject(new Error(`PostgreSQL ended:\n${lines.slice(-10).join('\n')}`)));
    await ready.promise;
  };
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill('SIGQUIT');
    await exited;
  };
  await start();
  return {
    url: `postgresql:///postgres?host=${encodeURIComponent(directory)}&user=ruth`, kill, start,
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const idOf = (which: '-u' | '-g'): number => Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }));
