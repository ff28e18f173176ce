// A network on which the cameras are, and on which each node has a link of its own that can be cut: network namespaces of Linux. Only what speaks with cameras runs in a
// node's namespace, its kernel; sockets and shared memory are files, and shared by all.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The link of one node. */
export interface CameraLink {
  /** What a program and its arguments are put behind, to run on that side. */
  readonly enter: readonly string[];
  /** As where a cable is pulled: what is sent is lost, and nobody is told. */
  cut(): void;
  mend(): void;
}

export class CameraNetwork implements Disposable {
  /** Where cameras are, as the nodes see them. */
  readonly address: string;
  readonly links: readonly CameraLink[];
  readonly #undo: string[][];

  private constructor(address: string, links: readonly CameraLink[], undo: string[][]) {
    this.address = address;
    this.links = links;
    this.#undo = undo;
  }

  /** Null where network namespaces may not be made here. */
  static make(nodes: number): CameraNetwork | null {
    sweep();
    const name = `rc${process.pid}`;
    const subnet = `10.231.${process.pid % 250}`;
    const undo: string[][] = [];
    const make = (command: string, undone: string): void => {
      ip(...command.split(' '));
      undo.unshift(undone.split(' '));
    };
    try {
      make(`link add ${name} type bridge`, `link del ${name}`);
      ip('addr', 'add', `${subnet}.1/24`, 'dev', name);
      ip('link', 'set', name, 'up');
      const links = Array.from({ length: nodes }, (_, index): CameraLink => {
        const link = `${name}-${index}`;
        make(`netns add ${link}`, `netns del ${link}`);
        ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'cameras', 'netns', link);
        ip('link', 'set', link, 'master', name, 'up');
        ip('-n', link, 'addr', 'add', `${subnet}.${10 + index}/24`, 'dev', 'cameras');
        for (const device of ['cameras', 'lo']) ip('-n', link, 'link', 'set', device, 'up');
        return { enter: ['ip', 'netns', 'exec', link], cut: () => ip('link', 'set', link, 'down'), mend: () => ip('link', 'set', link, 'up') };
      });
      return new CameraNetwork(`${subnet}.1`, links, undo);
    } catch {
      for (const one of undo) ip(...one);
      return null;
    }
  }

  [Symbol.dispose](): void { for (const one of this.#undo) ip(...one); }
}

/** What a run left that was killed: its namespaces, and its bridge, which have its process's number in their names. */
function sweep(): void {
  const listed = (...args: string[]): { readonly name?: string; readonly ifname?: string }[] => {
    try {
      return JSON.parse(execFileSync('ip', ['-j', ...args], { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' }) || '[]') as [];
    } catch {
      return [];
    }
  };
  const isLeft = (name: string | undefined): name is string => {
    const [, pid] = /^rc(\d+)(?:-\d+)?$/.exec(name ?? '') ?? [];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  };
  const left = [...listed('netns', 'list').map(({ name }) => ['netns', 'del', name]), ...listed('link', 'show', 'type', 'bridge').map(({ ifname }) => ['link', 'del', ifname])];
  for (const [kind, verb, name] of left) {
    try {
      if (isLeft(name)) ip(kind!, verb!, name);
    } catch {
      // Another run that begins clears it up at the same time.
    }
  }
}

function ip(...args: string[]): void { execFileSync('ip', args, { stdio: 'ignore' }); }
