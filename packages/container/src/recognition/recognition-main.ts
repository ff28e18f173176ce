// Entry of the process that looks at a model nobody has vouched for: told what to do over standard input, says how far it is and
// answers in JSON lines. Whoever starts it limits its time and memory.
import { readFileSync } from 'node:fs';
import { RecognitionTask, RuthError, validator } from '@ruth/protocol';
import { recogniseModel } from './recognition.ts';

const say = (line: object): void => { process.stdout.write(`${JSON.stringify(line)}\n`); };

try {
  const task = validator(RecognitionTask).parse(JSON.parse(readFileSync(0, 'utf8')), 'bad_request');
  say({ report: await recogniseModel(task, (progress) => say({ progress })) });
} catch (cause) {
  const { code, message } = RuthError.from(cause, 'model_invalid');
  say({ error_code: code, error: message });
}
