// `npm run -s audit`: known weaknesses of what Ruth runs with, as the registry tells them. Serious ones fail; a registry that cannot be asked is said, and fails nothing.
import { runCommand } from './setup/command.mjs';

const FATAL = ['high', 'critical'];
const root = new URL('..', import.meta.url).pathname;

/** @type {string[]} */
const lines = [];
await runCommand('npm', ['audit', '--omit=dev', '--json'], { cwd: root, onLine: (line) => { lines.push(line); } });
const output = lines.join('\n');
/** @type {{ vulnerabilities?: Record<string, { name: string, severity: string, range: string }> } | null} */
let report = null;
try {
  report = JSON.parse(output.slice(output.indexOf('{')));
} catch {
  // Said below.
}
if (!report?.vulnerabilities) console.log('audit: the registry cannot be asked for known weaknesses; nothing was looked at');
else {
  const found = Object.values(report.vulnerabilities);
  for (const { name, severity, range } of found) console.log(`audit: ${severity}: ${name} ${range}`);
  const serious = found.filter(({ severity }) => FATAL.includes(severity));
  console.log(`audit: ${found.length} known weaknesses, ${serious.length} of them serious`);
  if (serious.length > 0) process.exitCode = 1;
}
