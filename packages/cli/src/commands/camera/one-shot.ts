// How a command that does one thing and ends says what went wrong: a sentence, what to do, and exit status 1. No credentials.
import { ERRORS, redactUrls, RuthError } from '@ruth/protocol';

export async function oneShot(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    const error = RuthError.from(cause);
    console.error(`${redactUrls(error.message)}\n${ERRORS[error.code].advice}`);
    process.exitCode = 1;
  }
}
