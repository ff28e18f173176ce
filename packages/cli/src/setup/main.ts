// Prepares the weights of the model folders given as arguments. Prints one JSON object a line, for scripts/setup.mjs:
// {"model_id", "outcome", "path"}, and on failure {"code", "message", "advice"} with exit status 1.
import { RuthError } from '@ruth/protocol';
import { prepareModel } from './model-weights.ts';

const print = (value: object): void => { process.stdout.write(`${JSON.stringify(value)}\n`); };

for (const folder of process.argv.slice(2)) {
  try {
    const { modelId, outcome, path } = await prepareModel(folder);
    print({ model_id: modelId, outcome, path });
  } catch (cause) {
    const error = RuthError.from(cause);
    print({ code: error.code, message: error.message, advice: error.advice });
    process.exitCode = 1;
  }
}
