// Reads secrets that the settings name: an environment variable or a file. One is read when it is needed and kept nowhere else.
import { readFile } from 'node:fs/promises';
import { RuthError, type SecretConfig } from '@ruth/protocol';

/** Throws `invalid_config` naming the place, never the secret. */
export type ReadSecret = (secret: SecretConfig) => Promise<string>;

/** `environment`: that of the process. */
export function secretReader(environment: Readonly<Record<string, string | undefined>>): ReadSecret {
  return async (secret) => {
    if ('env' in secret) {
      const value = environment[secret.env];
      if (value === undefined || value === '') throw new RuthError('invalid_config', `the environment variable ${secret.env} is not set`);
      return value;
    }
    try {
      const text = (await readFile(secret.file, 'utf8')).trim();
      if (text === '') throw new Error('it is empty');
      return text;
    } catch (cause) {
      throw new RuthError('invalid_config', `${secret.file} cannot be read: ${(cause as Error).message}`, { cause });
    }
  };
}
