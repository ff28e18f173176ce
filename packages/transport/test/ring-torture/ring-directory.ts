// A fresh ring directory in shared memory for one test, removed with all that is in it when the test ends.
import { mkdtempSync, rmSync } from 'node:fs';
import type { TestContext } from 'node:test';

export function freshRingDirectory(t: TestContext): string {
  const directory = mkdtempSync('/dev/shm/ruth-test-');
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
