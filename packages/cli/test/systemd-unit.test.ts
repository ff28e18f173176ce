import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const unit = readFileSync(join(root, 'deploy/systemd/ruth.service'), 'utf8');

test('systemd finds nothing wrong with the shipped unit, run from this clone', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'ruth.service');
  writeFileSync(file, unit.replaceAll('/opt/ruth/', root));
  const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  if (error && 'code' in error && error.code === 'ENOENT') return t.skip('systemd-analyze is not there (Debian: apt-get install systemd)');
  assert.deepEqual([status, stderr.split('\n').filter((line) => line.includes('ruth.service'))], [0, []]);
});

test('What the unit starts is in the repository, and it runs as a user of its own without privileges', () => {
  const [, node, entry, command] = /^ExecStart=(\S+) (\S+) (\S+) /m.exec(unit)!;
  for (const path of [node!, entry!]) assert.ok(existsSync(path.replace('/opt/ruth/', root)), path);
  assert.equal(command, 'up');
  for (const line of ['User=ruth', 'NoNewPrivileges=yes', 'CapabilityBoundingSet=', 'ProtectSystem=strict', 'ProtectHome=yes', 'CacheDirectory=ruth', 'Environment=NODE_COMPILE_CACHE=/var/cache/ruth/compiled']) assert.match(unit, new RegExp(`^${line}$`, 'm'));
});
