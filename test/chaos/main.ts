// `npm run -s chaos -- <name> --json`: breaks a running Ruth again and again, and counts what was lost.
import { runNamed } from '../../bench/runner.ts';

await runNamed(import.meta.dirname, 'chaos');
