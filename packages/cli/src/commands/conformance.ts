// `ruth conformance <socket>`: is a model container, in whatever language, what the contract says?
import { DEFAULT_RING_DIRECTORY, RuthError } from '@ruth/protocol';
import { InvalidArgumentError, type Command } from 'commander';
import { runConformance } from '../conformance/conformance.ts';
import { conformanceReport, countOf } from '../conformance/report.ts';
import { adviceAtTerminal } from './advice.ts';

interface ConformanceCommandOptions { ringDirectory: string; model?: string; pid?: number; command?: string; image?: string; timeout: number; only?: string; json: boolean }

export function addConformanceCommand(program: Command): void {
  program.command('conformance <socket>')
    .description('check a model container, in any language, against the contract')
    .option('--ring-directory <folder>', 'where the container looks for frames; the kit puts rings of its own there', DEFAULT_RING_DIRECTORY)
    .option('--model <id>', 'the model, where neither "describe" nor the socket\'s name tells it')
    .option('--command <line>', 'starts the container, so that its start and its end are checked too')
    .option('--pid <id>', 'the process of a container that runs already: it is stopped at the end, to see whether it stops well', wholeNumber)
    .option('--image <file>', 'a photo in place of the kit\'s own pictures, for a model that sees nothing in those')
    .option('--timeout <ms>', 'for each answer', wholeNumber, 10_000)
    .option('--only <text>', 'only the checks whose chapter or sentence holds this text')
    .option('--json', 'one JSON object instead of the table', false)
    .action(async (socketPath: string, options: ConformanceCommandOptions) => {
      const showProgress = process.stderr.isTTY && !options.json;
      const stop = new AbortController();
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort(new RuthError('cancelled', 'stopped before the last check')));
      try {
        const results = await runConformance({
          socketPath, ringDirectory: options.ringDirectory, modelId: options.model, pid: options.pid, command: options.command, image: options.image, limitMs: options.timeout, only: options.only, signal: stop.signal,
          onCheck(sentence, index, count) {
            if (showProgress) process.stderr.write(`\r\u001b[2K[${index + 1}/${count}] ${sentence.slice(0, Math.max(20, process.stderr.columns - 12))}`);
          },
        });
        if (showProgress) process.stderr.write('\r\u001b[2K');
        const failed = countOf(results, 'fail');
        console.log(options.json ? JSON.stringify({ passed: countOf(results, 'pass'), failed, warned: countOf(results, 'warn'), skipped: countOf(results, 'skip'), checks: results }) : conformanceReport(results));
        process.exitCode = failed > 0 ? 1 : 0;
      } catch (cause) {
        const error = RuthError.from(cause);
        console.error(`${error.message}\n${adviceAtTerminal(error)}`);
        process.exitCode = 1;
      }
    });
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}
