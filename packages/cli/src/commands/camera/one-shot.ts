// How a command that does one thing and ends says what went wrong: a sentence, what to do, and exit status 1. No credentials.
import { ERRORS, redactUrls, RuthError } from '@ruth/protocol';

/** `asJson`: as one JSON line, for a program that follows. */
export async function oneShot(run: () => Promise<void>, { asJson = false }: { asJson?: boolean } = {}): Promise<void> {
  try {
    await run();
  } catch (cause) {
    const error = RuthError.from(cause);
    if (asJson) console.error(JSON.stringify({ error: redactUrls(error.message), error_code: error.code }));
    else console.error(`${redactUrls(error.message)}\n${ERRORS[error.code].advice}`);
    process.exitCode = 1;
  }
}
