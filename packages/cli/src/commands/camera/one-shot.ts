// How a command that does one thing and ends says what went wrong: a sentence, what to do, and exit status 1. No credentials.
import { redactUrls, RuthError } from '@ruth/protocol';
import { adviceAtTerminal } from '../advice.ts';

/** `asJson`: as one JSON line, for a program that follows. */
export async function oneShot(run: () => Promise<void>, { asJson = false }: { asJson?: boolean } = {}): Promise<void> {
  try {
    await run();
  } catch (cause) {
    const error = RuthError.from(cause);
    if (asJson) console.error(JSON.stringify({ error: redactUrls(error.message), error_code: error.code }));
    else console.error(`${redactUrls(error.message)}\n${adviceAtTerminal(error)}`);
    process.exitCode = 1;
  }
}
