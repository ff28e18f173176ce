// What somebody at a terminal can do about an error: what the API advises where that is of use here.
import { ERRORS, type ErrorCode, type RuthError } from '@ruth/protocol';

const AT_A_TERMINAL: Partial<Record<ErrorCode, string>> = {
  bad_request: 'Correct what the message names; --help shows what can be given.',
  not_found: 'Correct what the message names; --help shows what can be given.',
  socket_in_use: 'Perhaps Ruth runs here already: "ruth status" tells. End that process (Ctrl-C where it was started, or kill), or give this one folders of its own: paths.socket_directory and paths.ring_directory of a ruth.yaml.',
  camera_not_found: 'List the cameras with "ruth camera list".',
};

export function adviceAtTerminal({ code, cause }: RuthError): string {
  const system = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'socket_in_use' && system === 'EADDRINUSE') return 'Take another port: RUTH_HTTP_PORT=8081 before the command, or http.port of ruth.yaml; 0 picks one. What has it: ss -ltnp';
  if (code === 'invalid_config' && system === 'ENOENT') return 'Name the file that holds the settings with -c; README.md shows one, and a camera alone needs none: ruth up --camera rtsp://...';
  return AT_A_TERMINAL[code] ?? ERRORS[code].advice;
}
