// What somebody at a terminal can do about an error: what the API advises where that is of use here.
import { ERRORS, type ErrorCode, type RuthError } from '@ruth/protocol';

const AT_A_TERMINAL: Partial<Record<ErrorCode, string>> = {
  bad_request: 'Correct what the message names; --help shows what can be given.',
  not_found: 'Correct what the message names; --help shows what can be given.',
  camera_not_found: 'List the cameras with "ruth camera list".',
};

export function adviceAtTerminal({ code, cause }: RuthError): string {
  if (code === 'invalid_config' && (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return 'Name the file that holds the settings with -c; README.md shows one, and a camera alone needs none: ruth up --camera rtsp://...';
  return AT_A_TERMINAL[code] ?? ERRORS[code].advice;
}
