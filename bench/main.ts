// `npm run -s bench -- <name> --json`: runs one bench.
import { runNamed } from './runner.ts';

await runNamed(import.meta.dirname, 'bench');
