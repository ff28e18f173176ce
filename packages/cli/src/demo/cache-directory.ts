// Where what was fetched or made once is kept, outside the clone: RUTH_CACHE, else the user's cache folder.
import { homedir } from 'node:os';
import { join } from 'node:path';

export function cacheDirectory(environment: NodeJS.ProcessEnv): string {
  return environment.RUTH_CACHE ?? join(environment.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ruth');
}
