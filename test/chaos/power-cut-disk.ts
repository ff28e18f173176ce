// A disk whose power can be cut: an ext4 file system in a file, mounted through a loop device. The cut stops it at once, without
// flushing its journal or a page of its cache (EXT4_IOC_SHUTDOWN, as file systems' own crash tests do it): what was not
// synced is gone after the next mount. Needs root and loop devices.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SIZE_MB = 1024;
/** ioctl EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH; Node has no ioctl of its own. */
const CUT = 'import fcntl, os, struct, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))';

export class PowerCutDisk implements Disposable {
  /** Where it is mounted. */
  readonly path: string;
  readonly #folder: string;
  readonly #image: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#image = join(folder, 'disk.img');
    this.path = join(folder, 'disk');
  }

  /** Null where this machine does not allow it. */
  static make(): PowerCutDisk | null {
    const disk = new PowerCutDisk(mkdtempSync(join(tmpdir(), 'ruth-chaos-')));
    try {
      run('mkdir', disk.path);
      run('truncate', '-s', `${SIZE_MB}M`, disk.#image);
      run('mkfs.ext4', '-q', '-F', disk.#image);
      disk.#mount();
      // Where the run is ended by a signal, nobody disposes of it.
      process.once('exit', () => disk[Symbol.dispose]());
      return disk;
    } catch {
      disk[Symbol.dispose]();
      return null;
    }
  }

  /** Cuts the power, and turns it on again. Whoever had files open there must be dead. */
  cut(): void {
    run('python3', '-c', CUT, this.path);
    run('umount', this.path);
    this.#mount();
  }

  [Symbol.dispose](): void {
    spawnSync('umount', ['-l', this.path], { stdio: 'ignore' });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The kernel writes nothing back by itself: only what is synced is on the disk. */
  #mount(): void { run('mount', '-o', 'loop,commit=300', this.#image, this.path); }
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: 'pipe', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
}
