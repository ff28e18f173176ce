// Where a node that was started without a settings file remembers things: RUTH_STATE, else the user's folder for state.
import { homedir } from 'node:os';
import { join } from 'node:path';

export function stateDirectory(environment: NodeJS.ProcessEnv): string {
  return environment.RUTH_STATE ?? join(environment.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'ruth');
}
