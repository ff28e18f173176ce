// `npm run -s accuracy -- --model <dir|file.onnx> --images <dir> --labels <dir> --json`: mean average precision of
// models over the whole path (ring, socket, container), so that a mistake of colour, letterbox or decoding shows.
import { parseArgs } from 'node:util';
import { labelledImages } from './labelled-images.ts';
import { measureAccuracy } from './measure.ts';
import { chooseModel } from './model-choice.ts';
import { COLOURS, type Colour } from './picture.ts';

const USAGE = `usage: npm run -s accuracy -- --model <folder or .onnx> [--model ...] --images <folder> --labels <folder> [--plain] [--weights <.onnx>] [--colour ${Object.keys(COLOURS).join('|')}] [--json]
  --plain    evaluate the same weights by a few lines that take the image's RGB, too, and say how the two differ; then --labels may be left out`;

try {
  const { values } = parseArgs({ options: {
    model: { type: 'string', multiple: true, default: [] }, weights: { type: 'string' }, images: { type: 'string' }, labels: { type: 'string' },
    // What most cameras send.
    colour: { type: 'string', default: 'bt709-limited' }, plain: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
  } });
  const { model: paths, images: imagesFolder, labels: labelsFolder, plain } = values;
  if (paths.length === 0 || imagesFolder === undefined || (labelsFolder === undefined && !plain) || !(values.colour in COLOURS)) throw new Error(USAGE);
  const images = labelledImages(imagesFolder, labelsFolder);
  const rows: Record<string, string | number>[] = [];
  for (const path of paths) {
    const model = await chooseModel(path, values.weights);
    rows.push(await measureAccuracy(model, images, {
      colour: values.colour as Colour, isLabelled: labelsFolder !== undefined, plain,
      report(done) { if (process.stderr.isTTY) process.stderr.write(`\r${model.manifest.model_id}: ${done} of ${images.length} images${done === images.length ? '\n' : ''}`); },
    }));
  }
  if (values.json) console.log(JSON.stringify(rows.length === 1 ? rows[0] : rows));
  else console.table(rows);
} catch (cause) {
  console.error((cause as Error).message);
  process.exitCode = 1;
}
