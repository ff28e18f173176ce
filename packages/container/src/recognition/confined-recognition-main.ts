// Looks at a model nobody has vouched for, in the confinement that recognition-main.ts made: says how far it is and answers in JSON lines.
import { readFileSync } from 'node:fs';
import { RuthError, type RecognitionTask } from '@ruth/protocol';
import { refusePrograms } from '@ruth/transport/confine';
import { recogniseModel } from './recognition.ts';

const say = (line: object): void => { process.stdout.write(`${JSON.stringify(line)}\n`); };

try {
  refusePrograms();
  say({ report: await recogniseModel(JSON.parse(readFileSync(0, 'utf8')) as RecognitionTask, (progress) => say({ progress })) });
} catch (cause) {
  const { code, message } = RuthError.from(cause, 'model_invalid');
  say({ error_code: code, error: message });
}
