// The cameras that the site gave to this node under its present lease, looked up in the records of the cameras: those count, whatever the leader told.
import { RuthError, type NodePlacement, type SiteCamera } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { inParallel } from './bounded.ts';
import { CameraMoves } from './camera-moves.ts';
import { isFor } from './moves.ts';
import type { NodeLease } from './node-lease.ts';
import type { SiteKeyFile } from './site-keys.ts';
import type { SiteStore } from './site-store.ts';

export interface OwnCamerasOptions {
  /** Of this node. */
  readonly id: string;
  readonly store: SiteStore;
  readonly keys: SiteKeyFile;
  /** Seconds of the machine's clock since boot. */
  readonly nowS: () => number;
  readonly logger: Logger;
}

const READS_AT_ONCE = 2;

export class OwnCameras {
  readonly moves = new CameraMoves();
  readonly #options: OwnCamerasOptions;
  #cameras: ReadonlyMap<string, SiteCamera> = new Map();
  #read: NodePlacement['cameras'] = {};
  #unopened: ReadonlyMap<string, string> = new Map();

  constructor(options: OwnCamerasOptions) { this.#options = options; }

  /** Those of which the own record says so. */
  get cameras(): ReadonlyMap<string, SiteCamera> { return this.#cameras; }

  /** In which revisions they were read: what is read once under a lease is this node's until the leader hears that it let go. Next ones and those that cannot be opened are among them. */
  get read(): NodePlacement['cameras'] { return this.#read; }

  /** Those whose credentials this node cannot open, and why. */
  get unopened(): ReadonlyMap<string, string> { return this.#unopened; }

  /**
   * `named`: as the leader says it, to a node that holds this lease. `isPresent`: it still does; else nothing is taken. `limitS`: what was not looked up by then is late, and stays as it was.
   * Returns how many were out of date, which are told anew, and how many are late. Throws where JetStream does not answer, after what was read has been taken.
   */
  async learn(named: NodePlacement['cameras'], { incarnation }: NodeLease, isPresent: () => boolean, limitS: number): Promise<{ missing: number; late: number }> {
    const { store, id, nowS } = this.#options;
    const { own, next, unknown } = this.moves.sort(named, this.#cameras, this.#read);
    const unopened = new Map<string, string>();
    const late = new Set<string>();
    const endS = nowS() + limitS;
    let missing = 0;
    let failure: unknown = null;
    // A thousand nodes that read all at once would hold up one another's renewals.
    await inParallel(unknown, READS_AT_ONCE, async ([camera, { term, settings: revision, move }]) => {
      if (failure !== null || nowS() >= endS) return void late.add(camera);
      const rows = await Promise.all([store.placements.get(camera, term), store.cameras.get(camera, revision)]).catch((cause: unknown) => { failure = cause; });
      if (!rows) return void late.add(camera);
      const [placement, settings] = rows;
      if (!placement?.value || !isFor(placement.value, { node: id, incarnation }, move) || !settings?.value) return void missing++;
      const opened = this.#open(camera, settings.value, unopened);
      if (opened === null) return;
      if (move === 'next') return void next.set(camera, { term, settings: revision, camera: opened });
      own.set(camera, opened);
      this.moves.begins(camera, placement.value.seam ?? null);
    });
    if (!isPresent()) return { missing, late: late.size };
    for (const camera of late) if (this.#unopened.has(camera)) unopened.set(camera, this.#unopened.get(camera)!);
    this.moves.stay(late, named, this.#cameras, this.#read, { own, next });
    this.#cameras = own;
    this.#unopened = unopened;
    this.#read = Object.fromEntries(Object.entries(named).flatMap(([camera, told]) => {
      if (!own.has(camera) && !unopened.has(camera) && !next.has(camera)) return [];
      return [[camera, late.has(camera) ? this.#read[camera]! : told]];
    }));
    this.moves.learnt(named, own, next);
    if (failure !== null) throw failure as Error;
    return { missing, late: late.size };
  }

  /** The lease ended. */
  clear(): void {
    this.#cameras = this.#unopened = new Map();
    this.#read = {};
    this.moves.clear();
  }

  /** Null for one whose credentials cannot be opened, which is refused: no camera is ever asked with a wrong address. */
  #open(id: string, camera: SiteCamera, unopened: Map<string, string>): SiteCamera | null {
    const { keys: { keys }, logger } = this.#options;
    try {
      const opened = keys.open(camera);
      if (keys.credentialsOf(camera) === 'clear') logger.warn({ camera: id }, 'the credentials of this camera lie in NATS in the clear: ruth site seal');
      return opened;
    } catch (cause) {
      const { message } = RuthError.from(cause);
      unopened.set(id, message);
      if (this.#unopened.get(id) !== message) logger.warn({ camera: id }, `this node cannot take a camera: ${message}`);
      return null;
    }
  }
}
