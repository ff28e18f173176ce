// The shipped compose file and image, as far as they can be tried without a container engine: what they grant, that all they name is
// there, and that the very commands, each a process of its own with what its container is given, make a node together.
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { parseSettings, type SystemHealth } from '@ruth/protocol';
import { parse } from 'yaml';

interface Service {
  readonly command: string[];
  readonly user: string;
  readonly read_only: boolean;
  readonly cap_drop: string[];
  readonly security_opt: string[];
  readonly network_mode?: string;
  readonly privileged?: boolean;
  readonly ports?: string[];
  readonly volumes: string[];
  readonly profiles?: string[];
  readonly environment?: string[] | Record<string, string>;
}
interface Compose { readonly services: Record<string, Service>; readonly volumes: Record<string, unknown>; readonly configs: { readonly container: { readonly content: string } } }

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'deploy/docker');
const compose = parse(readFileSync(join(folder, 'compose.yaml'), 'utf8'), { merge: true }) as Compose;
const settingsText = readFileSync(join(folder, 'ruth.yaml'), 'utf8');
const dockerfile = readFileSync(join(folder, 'Dockerfile'), 'utf8');
/** Of Node, before the command that a service names. */
const [, ...flags] = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(dockerfile)![1]!) as string[];
const services = Object.entries(compose.services);
/** Those that run unless something is asked for besides. */
const always = services.filter(([, { profiles }]) => profiles === undefined);
const LIMIT_MS = 120_000;

test('no service of the compose file has more than it needs', () => {
  for (const [name, service] of services) {
    assert.deepEqual([service.user, service.read_only, service.cap_drop, service.security_opt, service.privileged], ['10001:10001', true, ['ALL'], ['no-new-privileges:true'], undefined], name);
    for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:/, `${name} opens ${port} to every network`);
    const mounts = new Map(service.volumes.map((volume) => { const [, from, at, mode] = /^(\$\{[^}]+\}|[^:]+):([^:]+)(?::(ro))?$/.exec(volume)!; return [at!, { from: from!, mode }]; }));
    for (const { from } of mounts.values()) assert.ok(from.startsWith('${') || from in compose.volumes, `${name}: ${from} is no volume`);
    assert.equal(mounts.has('/recordings'), name === 'kernel', name);
    if (name === 'copier') assert.deepEqual([service.profiles, [...mounts.keys()], mounts.get('/etc/ruth/ruth.yaml')!.mode], [['copies'], ['/etc/ruth/ruth.yaml', '/run/ruth/sockets'], 'ro']);
    if (!service.command[0]!.startsWith('packages/container/')) continue;
    assert.deepEqual([service.network_mode, [...mounts.keys()], mounts.get('/run/ruth/rings')!.mode], ['none', ['/run/ruth/sockets', '/run/ruth/rings'], 'ro'], name);
  }
});

test('the image is built from what is in the repository, and runs as a user without privileges', () => {
  const paths = [...services.map(([, { command }]) => command[0]!), /^CMD \["([^"]+)"/m.exec(dockerfile)![1]!, /^RUN node (\S+) --for-image/m.exec(dockerfile)![1]!];
  assert.deepEqual(paths.filter((path) => !existsSync(join(root, path))), []);
  const models = parseSettings(settingsText, 'ruth.yaml').models.map(({ id }) => id);
  assert.deepEqual(services.flatMap(([, { command }]) => command).filter((part) => part.startsWith('models/')).sort(), models.map((id) => `models/${id}`).sort());
  assert.equal([...dockerfile.matchAll(/^USER (\S+)$/gm)].at(-1)![1], '10001:10001');
  assert.doesNotMatch(dockerfile, /^(ARG|ENV) .*(TOKEN|PASSWORD|SECRET)/mi);
  const ignored = readFileSync(join(folder, 'Dockerfile.dockerignore'), 'utf8').split('\n');
  for (const path of ['.git', 'ruth.yaml', '**/node_modules']) assert.ok(ignored.includes(path), path);
});

test('the image holds what Node compiles of a container, for models that may write nothing', () => {
  const [, cache, runFlags, entry] = /^RUN NODE_COMPILE_CACHE=(\S+) node_modules\/\.bin\/node (.+) (\S+) && chmod -R a-w \1$/m.exec(dockerfile)!;
  assert.deepEqual(runFlags!.split(' '), flags);
  for (const [name, { command, environment }] of services) if (command[0]!.startsWith('packages/container/')) assert.deepEqual(environment, { NODE_COMPILE_CACHE: cache }, name);
  const place = mkdtempSync(join(tmpdir(), 'ruth-compose-'));
  try {
    assert.equal(spawnSync(process.execPath, [...flags, entry!], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, NODE_COMPILE_CACHE: place } }).status, 0);
    assert.ok(readdirSync(place, { recursive: true }).length > 100);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

test('the processes that the compose file starts make a node, and leave nothing when they are stopped', async () => {
  const [place, rings] = [mkdtempSync(join(tmpdir(), 'ruth-compose-')), mkdtempSync('/dev/shm/ruth-compose-')];
  const here = (text: string): string => [['/run/ruth/sockets', join(place, 's')], ['/run/ruth/rings', rings], ['/opt/ruth', root], ['/var/lib/ruth', join(place, 'data')], ['/recordings', join(place, 'recordings')]]
    .reduce((done, [from, to]) => done.replaceAll(from!, to!), text);
  mkdirSync(join(place, 's'));
  writeFileSync(join(place, 'ruth.yaml'), here(settingsText).replace('host: 0.0.0.0, port: 8080', 'host: 127.0.0.1, port: 0'));
  writeFileSync(join(place, 'container.yaml'), here(compose.configs.container.content));
  const token = 'a token for this test, and no other use';
  const running = always.map(([name, { command }]) => new Running(name, command.map((part) => part.replace('/etc/ruth', place)), name === 'server' ? { RUTH_ADMIN_TOKEN: token } : {}));
  try {
    const ready = await Promise.all(running.map((process) => process.ready()));
    const { url } = ready.at(-1) as { url: string };
    const health = async (): Promise<SystemHealth> => await (await fetch(new URL('/api/v1/health', url), { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(10_000) })).json() as SystemHealth;
    let seen = await health();
    for (const endMs = performance.now() + LIMIT_MS; performance.now() < endMs && !isWell(seen); seen = await health()) await delay(200);
    assert.ok(isWell(seen), JSON.stringify(seen));
    assert.deepEqual(await Promise.all(running.map((process) => process.stop())), running.map(() => 0));
    assert.deepEqual([readdirSync(join(place, 's')), readdirSync(rings).filter((name) => name.startsWith('vas_frames'))], [[], []]);
  } finally {
    for (const process of running) process.kill();
    for (const path of [place, rings]) rmSync(path, { recursive: true, force: true });
  }
});

const isWell = ({ status, models }: SystemHealth): boolean => status === 'ok' && models?.length === 2;

class Running {
  readonly #process: ChildProcess;
  readonly #ready = Promise.withResolvers<Record<string, unknown>>();

  constructor(name: string, command: string[], environment: Record<string, string>) {
    this.#process = spawn(process.execPath, [...flags, ...command], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...environment } });
    const lines: string[] = [];
    createInterface(this.#process.stdout!).on('line', (line) => {
      lines.push(line);
      if (line.startsWith('{') && (JSON.parse(line) as { msg: string }).msg === 'ready') this.#ready.resolve(JSON.parse(line) as Record<string, unknown>);
    });
    this.#process.once('exit', (code) => this.#ready.reject(new Error(`${name} ended with ${code}:\n${lines.join('\n')}`)));
  }

  ready(): Promise<Record<string, unknown>> { return this.#ready.promise; }

  /** As a container engine does. Its exit status. */
  async stop(): Promise<number | null> {
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    return (await gone)[0] as number | null;
  }

  kill(): void { if (this.#process.exitCode === null) this.#process.kill('SIGKILL'); }
}
