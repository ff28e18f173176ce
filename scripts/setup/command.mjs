// Runs a program and keeps the end of what it says, to be shown only if it fails.
import { spawn } from 'node:child_process';

const KEPT_CHARACTERS = 6000;

/**
 * Resolves when the program has ended; `status` is null where it could not be started or was killed.
 * @param {string} program
 * @param {readonly string[]} parameters
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void }} options
 * @returns {Promise<{ status: number | null, output: string, missing: boolean }>}
 */
export function runCommand(program, parameters, { cwd, env = {}, onLine }) {
  return new Promise((resolve) => {
    let output = '';
    let partial = '';
    const child = spawn(program, parameters, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (/** @type {string} */ text) => { output = (output + text).slice(-KEPT_CHARACTERS); };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      keep(text);
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      if (onLine) lines.forEach(onLine);
    });
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => resolve({ status: null, output: error.message, missing: 'code' in error && error.code === 'ENOENT' }));
    child.on('close', (status) => resolve({ status, output: output.trim(), missing: false }));
  });
}
