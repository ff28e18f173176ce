// Entry of the process that looks at a model nobody has vouched for: told what to do over standard input, it gives up all but that model's
// file and the rings with the pictures, and starts anew in its own place. Whoever starts it limits its time and memory.
import { readFileSync, realpathSync } from 'node:fs';
import { RecognitionTask, RuthError, validator } from '@ruth/protocol';
import { startConfined, systemFiles } from '@ruth/transport/confine';

try {
  const task = validator(RecognitionTask).parse(JSON.parse(readFileSync(0, 'utf8')), 'bad_request');
  const readable = [realpathSync(task.weights), task.ring_directory];
  startConfined(new URL('confined-recognition-main.ts', import.meta.url).pathname, [], {
    stdin: () => JSON.stringify(task), env: { ...process.env, ORT_DISABLE_TELEMETRY: '1', NODE_COMPILE_CACHE: '' },
    confinement: { files: [...systemFiles(), ...readable.map((path) => ({ path, access: 'read' as const }))], tcpPorts: [] },
  });
} catch (cause) {
  const { code, message } = RuthError.from(cause, 'model_invalid');
  process.stdout.write(`${JSON.stringify({ error_code: code, error: message })}\n`);
}
