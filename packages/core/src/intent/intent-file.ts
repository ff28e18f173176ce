// The last accepted intent in a file of core's own, so that core begins with it however it ended and whoever is away. The
// file appears whole or not at all, and nothing is accepted that could not be written.
import { readFileSync, renameSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Intent, RuthError, validator } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';

const intent = validator(Intent);

export class IntentFile {
  readonly path: string;

  /** `<data directory>/core-intent.json` */
  constructor(dataDirectory: string) {
    this.path = `${dataDirectory}/core-intent.json`;
  }

  /** Null where there is none. One that cannot be read is put aside and said: core then runs what ruth.yaml says. */
  read(logger: Logger): Intent | null {
    try {
      return intent.parse(JSON.parse(readFileSync(this.path, 'utf8')));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
      const aside = `${this.path}.unreadable`;
      logger.error({ err: cause }, `${this.path} is no intent that this version reads: it is put aside as ${aside}, and cameras are as ruth.yaml has them until an intent is put`);
      try {
        renameSync(this.path, aside);
      } catch {
        // It stays where it is; the next intent takes its place.
      }
      return null;
    }
  }

  /** Throws `disk_full`, or `invalid_config` where the directory cannot be written for another reason. */
  async write(accepted: Intent): Promise<void> {
    const unfinished = `${this.path}.part`;
    try {
      await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
      {
        await using file = await open(unfinished, 'w', 0o600);
        await file.writeFile(JSON.stringify(accepted));
        await file.sync();
      }
      await rename(unfinished, this.path);
      // The new name must outlive a power cut, too.
      await using directory = await open(dirname(this.path));
      await directory.sync();
    } catch (cause) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      const code = (cause as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk_full' : 'invalid_config';
      throw new RuthError(code, `the intent cannot be kept in ${this.path}: ${(cause as Error).message}`, { cause });
    }
  }
}
