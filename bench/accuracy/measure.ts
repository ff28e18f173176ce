// The accuracy of one model, the whole way and, where asked for, the plain way too.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveModel, type LoadedModel } from '@ruth/container';
import { DEFAULT_RING_DIRECTORY } from '@ruth/protocol';
import { meanAveragePrecision, type EvaluatedImage } from './average-precision.ts';
import type { LabelledImage } from './labelled-images.ts';
import { lookAtAll } from './looks.ts';
import type { Colour } from './picture.ts';
import { PlainDetector } from './plain.ts';

export interface AccuracyOptions {
  readonly colour: Colour;
  readonly isLabelled: boolean;
  /** Evaluates the plain way too, and holds the two against one another. */
  readonly plain: boolean;
  readonly report: (done: number) => void;
}

/** What the plain way is this sure of counts as there, where the two ways are held against one another. */
const SURE = 0.5;

/** Figures of mean average precision, 0..1, rounded to 4 places. */
export async function measureAccuracy(model: LoadedModel, images: readonly LabelledImage[], { colour, isLabelled, plain, report }: AccuracyOptions): Promise<Record<string, string | number>> {
  const evaluated = await lookTheWholeWay(model, images, colour, report);
  const figures = { ...(isLabelled && labelledFigures(evaluated)), images: images.length, model: model.manifest.model_id, weights: model.weightsPath, colour };
  if (!plain) return figures;
  const detector = await PlainDetector.load(model.weightsPath, model.manifest);
  const plainly: EvaluatedImage[] = [];
  for (const [index, { path }] of images.entries()) {
    plainly.push({ truth: evaluated[index]!.truth, found: await detector.look(path) });
    report(index + 1);
  }
  const agreement = meanAveragePrecision(evaluated.map(({ found }, index) => ({ found, truth: plainly[index]!.found.filter(({ score }) => score >= SURE) })));
  const agreed = { agreement_map50: rounded(agreement.map50), agreement_map50_95: rounded(agreement.map50To95) };
  if (!isLabelled) return { ...agreed, ...figures };
  const [whole, short] = [meanAveragePrecision(evaluated).map50To95, meanAveragePrecision(plainly).map50To95];
  return { ...figures, plain_map50_95: rounded(short), difference: rounded(whole - short), ...agreed };
}

function labelledFigures(evaluated: readonly EvaluatedImage[]): Record<string, number> {
  const { map50, map50To95, classes } = meanAveragePrecision(evaluated);
  return { map50_95: rounded(map50To95), map50: rounded(map50), classes };
}

async function lookTheWholeWay(model: LoadedModel, images: readonly LabelledImage[], colour: Colour, report: (done: number) => void): Promise<EvaluatedImage[]> {
  const ringDirectory = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-accuracy-'));
  const socketDirectory = mkdtempSync(join(tmpdir(), 'ruth-accuracy-'));
  try {
    await using container = await serveModel(model, { ringDirectory, socketDirectory });
    return await lookAtAll(images, { model, container, ringDirectory, colour }, report);
  } finally {
    rmSync(ringDirectory, { recursive: true, force: true });
    rmSync(socketDirectory, { recursive: true, force: true });
  }
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
