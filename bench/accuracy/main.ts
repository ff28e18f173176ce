// `npm run -s accuracy -- --model <dir|file.onnx> --images <dir> --labels <dir> --json`: mean average precision of a
// model over the whole path (ring, socket, container), so that a mistake of colour, letterbox or decoding shows.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serveModel } from '@ruth/container';
import { DEFAULT_RING_DIRECTORY } from '@ruth/protocol';
import { meanAveragePrecision } from './average-precision.ts';
import { labelledImages } from './labelled-images.ts';
import { lookAtAll } from './looks.ts';
import { chooseModel } from './model-choice.ts';
import { COLOURS, type Colour } from './picture.ts';

const USAGE = `usage: npm run -s accuracy -- --model <folder or .onnx> --images <folder> --labels <folder> [--weights <.onnx>] [--colour ${Object.keys(COLOURS).join('|')}] [--json]`;

try {
  const { values } = parseArgs({ options: {
    model: { type: 'string' }, weights: { type: 'string' }, images: { type: 'string' }, labels: { type: 'string' },
    // What most cameras send.
    colour: { type: 'string', default: 'bt709-limited' }, json: { type: 'boolean', default: false },
  } });
  const { model: path, images: imagesFolder, labels: labelsFolder } = values;
  if (path === undefined || imagesFolder === undefined || labelsFolder === undefined || !(values.colour in COLOURS)) throw new Error(USAGE);
  const colour = values.colour as Colour;
  const model = await chooseModel(path, values.weights);
  const images = labelledImages(imagesFolder, labelsFolder);
  const ringDirectory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-accuracy-'));
  const socketDirectory = mkdtempSync(join(tmpdir(), 'ruth-accuracy-'));
  try {
    await using container = await serveModel(model, { ringDirectory, socketDirectory });
    const evaluated = await lookAtAll(images, { model, container, ringDirectory, colour }, (done) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${images.length} images`);
    });
    if (process.stderr.isTTY) process.stderr.write('\n');
    const { map50, map50To95, classes } = meanAveragePrecision(evaluated);
    const figures = { map50_95: rounded(map50To95), map50: rounded(map50), images: images.length, classes, model: model.manifest.model_id, weights: model.weightsPath, colour };
    if (values.json) console.log(JSON.stringify(figures));
    else console.table(figures);
  } finally {
    rmSync(ringDirectory, { recursive: true, force: true });
    rmSync(socketDirectory, { recursive: true, force: true });
  }
} catch (cause) {
  console.error((cause as Error).message);
  process.exitCode = 1;
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
