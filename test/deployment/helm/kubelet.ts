// Acts out on this machine what Kubernetes does with a pod: each container in a mount namespace that has its volumes alone, on a read-only file system, as its user without
// any capability; probes and preStop hooks run there, too; and whoever is deleted is ended as Kubernetes ends it. Containers share this machine's network, as with hostNetwork.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { partOf, ROOT, type Resource } from './chart.ts';

interface Probe { readonly exec?: { readonly command: readonly string[] }; readonly httpGet?: { readonly path: string; readonly port: string }; readonly failureThreshold: number; readonly periodSeconds: number; readonly timeoutSeconds: number }
interface Container {
  readonly name: string; readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } } }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly startupProbe?: Probe; readonly readinessProbe?: Probe; readonly livenessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
}
interface Volume { readonly name: string; readonly emptyDir?: object; readonly secret?: { readonly secretName: string; readonly defaultMode: number }; readonly configMap?: { readonly name: string } }
interface PodSpec { readonly containers: readonly Container[]; readonly volumes: readonly Volume[]; readonly terminationGracePeriodSeconds: number; readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number } }

/** As deploy/docker/Dockerfile has it. */
const ENTRYPOINT = ['/opt/ruth/node_modules/.bin/node', '--single-threaded-gc'];
/** Starts are waited for so much longer than a cluster would: this machine has other things to do. */
const PATIENCE = 3;

/** Null where namespaces can be made; else why not. */
export const cannotAct = (): string | false => (spawnSync('unshare', ['--mount', '--uts', 'sh', '-c', 'mount --make-rprivate / && command -v setpriv chroot'], { stdio: 'ignore' }).status === 0 ? false : 'mount namespaces may not be made here');

export class Pod implements Disposable {
  readonly name: string;
  readonly #spec: PodSpec;
  readonly #folder = mkdtempSync('/var/tmp/ruth-pod-');
  readonly #memory = mkdtempSync('/dev/shm/ruth-pod-');
  readonly #running = new Map<string, ChildProcess>();

  /** `resources`: of the chart, with a StatefulSet. */
  constructor(resources: readonly Resource[], name: string) {
    this.name = name;
    const set = resources.find(({ kind }) => kind === 'StatefulSet')!;
    this.#spec = partOf<PodSpec>(set, 'spec.template.spec');
    for (const claim of partOf<{ metadata: { name: string } }[]>(set, 'spec.volumeClaimTemplates')) this.#own(join(this.#folder, claim.metadata.name));
    for (const { name: volume, emptyDir, secret, configMap } of this.#spec.volumes) {
      const path = this.#pathOf(volume);
      if (emptyDir) this.#own(path);
      const from = resources.find(({ kind, metadata }) => (secret && kind === 'Secret' && metadata.name === secret.secretName) || (configMap && kind === 'ConfigMap' && metadata.name === configMap.name));
      if (!from) continue;
      mkdirSync(path);
      for (const [file, text] of Object.entries((from.stringData ?? from.data) as Record<string, string>)) {
        writeFileSync(join(path, file), text);
        chmodSync(join(path, file), secret?.defaultMode ?? 0o644);
        chownSync(join(path, file), 0, this.#spec.securityContext.runAsGroup);
      }
    }
  }

  /** What lies in a volume. */
  pathOf(volume: string, ...more: readonly string[]): string { return join(this.#pathOf(volume), ...more); }

  /** Starts all containers, or some, and waits until each has started and is ready. Throws what a probe says that does not come true, or that a container ended. */
  async start(only?: readonly string[]): Promise<void> {
    const containers = this.#spec.containers.filter(({ name }) => only?.includes(name) ?? true);
    for (const { name, args } of containers) this.#running.set(name, this.#inside(name, [...ENTRYPOINT, ...args]));
    await Promise.all(containers.map(async (container) => {
      for (const probe of [container.startupProbe, container.readinessProbe]) if (probe) await this.#until(container, probe, (container.startupProbe ?? probe).failureThreshold * (container.startupProbe ?? probe).periodSeconds);
      if (container.livenessProbe) await this.#until(container, container.livenessProbe, 60);
    }));
  }

  /** As when it is deleted: its hooks, then SIGTERM to each container, all at once; what has not ended in time is killed. Exit status of each; null where it was killed. */
  async delete(): Promise<{ readonly statuses: Record<string, number | null>; readonly hooks: Record<string, number | null>; readonly seconds: number }> {
    const begunMs = performance.now();
    const [statuses, hooks]: Record<string, number | null>[] = [{}, {}];
    const limitMs = this.#spec.terminationGracePeriodSeconds * 1000;
    await Promise.all(this.#spec.containers.map(async ({ name, lifecycle }) => {
      const child = this.#running.get(name)!;
      const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve([child.exitCode]);
      const kill = setTimeout(() => child.kill('SIGKILL'), limitMs);
      if (lifecycle) [hooks![name]] = await once(this.#inside(name, lifecycle.preStop.exec.command), 'exit') as [number | null];
      child.kill('SIGTERM');
      [statuses![name]] = await gone as [number | null];
      clearTimeout(kill);
    }));
    this.#running.clear();
    return { statuses: statuses!, hooks: hooks!, seconds: (performance.now() - begunMs) / 1000 };
  }

  [Symbol.dispose](): void {
    for (const child of this.#running.values()) child.kill('SIGKILL');
    for (const path of [this.#folder, this.#memory]) rmSync(path, { recursive: true, force: true });
  }

  async #until(container: Container, probe: Probe, seconds: number): Promise<void> {
    for (const endMs = performance.now() + seconds * 1000 * PATIENCE; ; await delay(500)) {
      const child = this.#running.get(container.name)!;
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${this.name} ${container.name} ended with ${child.exitCode ?? child.signalCode}`);
      const { isOk, said } = await this.#probe(container, probe);
      if (isOk) return;
      if (performance.now() > endMs) throw new Error(`${this.name} ${container.name}: ${said}`);
    }
  }

  async #probe(container: Container, { exec, httpGet }: Probe): Promise<{ isOk: boolean; said: string }> {
    if (httpGet) {
      const { containerPort } = container.ports!.find(({ name }) => name === httpGet.port)!;
      return fetch(`http://127.0.0.1:${containerPort}${httpGet.path}`).then(({ status }) => ({ isOk: status >= 200 && status < 400, said: String(status) }), (cause: unknown) => ({ isOk: false, said: String(cause) }));
    }
    const child = this.#inside(container.name, exec!.command, 'pipe');
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => { said += text; });
    const [code] = await once(child, 'exit') as [number | null];
    return { isOk: code === 0, said };
  }

  #inside(name: string, command: readonly string[], stderr: 'inherit' | 'pipe' = 'inherit'): ChildProcess {
    const { env = [], volumeMounts } = this.#spec.containers.find((container) => container.name === name)!;
    const fields: Record<string, string> = { 'status.podIP': '127.0.0.1', 'metadata.name': this.name, 'metadata.namespace': 'video' };
    const environment: Record<string, string> = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', NODE_ENV: 'production' };
    for (const { name: variable, value, valueFrom } of env) environment[variable] = valueFrom?.fieldRef ? fields[valueFrom.fieldRef.fieldPath]! : value!.replaceAll(/\$\((\w+)\)/g, (_, of: string) => environment[of]!);
    const root = join(this.#folder, 'root');
    mkdirSync(root, { recursive: true });
    const { runAsUser, runAsGroup } = this.#spec.securityContext;
    const script = [
      'set -e', 'mount --make-rprivate /', `mount -t tmpfs -o mode=0755 root ${root}`, `cd ${root}`, 'mkdir usr etc opt opt/ruth proc dev sys', 'for link in bin sbin lib lib64; do ln -s usr/$link $link; done',
      'for file in ld.so.cache hosts nsswitch.conf; do if [ -e /etc/$file ]; then cp /etc/$file etc/; fi; done',
      'mount --bind -o ro /usr usr', `mount --bind ${ROOT} opt/ruth`, 'mount -o remount,ro,bind opt/ruth', 'for tree in proc dev sys; do mount --rbind /$tree $tree; done',
      ...volumeMounts.flatMap(({ name: volume, mountPath, readOnly }) => [`mkdir -p .${mountPath}`, `mount --bind ${this.#pathOf(volume)} .${mountPath}`, ...(readOnly === true ? [`mount -o remount,ro,bind .${mountPath}`] : [])]),
      `mount -o remount,ro,bind ${root}`, `hostname ${this.name}`,
      `exec chroot ${root} /usr/bin/setpriv --reuid=${runAsUser} --regid=${runAsGroup} --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all /usr/bin/env -C /opt/ruth "$@"`,
    ].join('\n');
    return spawn('unshare', ['--mount', '--uts', 'sh', '-c', script, 'container', ...command], { env: environment, stdio: ['ignore', 'ignore', stderr] });
  }

  #pathOf(volume: string): string {
    const isInMemory = this.#spec.volumes.some(({ name, emptyDir }) => name === volume && emptyDir);
    return join(isInMemory ? this.#memory : this.#folder, volume);
  }

  #own(path: string): void {
    mkdirSync(path, { mode: 0o770 });
    chownSync(path, this.#spec.securityContext.runAsUser, this.#spec.securityContext.runAsGroup);
  }
}
