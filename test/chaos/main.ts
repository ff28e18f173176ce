// `npm run -s chaos -- <name> --json`: breaks a running Ruth again and again, and counts what was lost.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runNamed } from '../../bench/runner.ts';

// As `ruth` does for the processes that it starts.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'ruth-chaos-compiled');
await runNamed(import.meta.dirname, 'chaos');
