// `config`: what a request may ask for itself. Compared with what the same container says to the same frame without it.
import { type Detection, type InferConfig } from '@ruth/protocol';
import { type Chapter, type Check, type Outcome, pass, skip, warn } from './check.ts';
import { demand, shown } from './demand.ts';
import { PICTURE_COUNT } from './pictures.ts';
import type { Target } from './target.ts';

const NOTHING_SEEN = 'the model saw nothing in the kit\'s pictures, so that there was nothing to compare';

async function detections(target: Target, frameId: number, config: InferConfig): Promise<Detection[]> {
  return (await target.look(frameId, { config })).detections;
}

/** Runs `compare` with each picture's detections at a low threshold; it throws, or returns how much it could see. */
function comparison(sentence: string, compare: (target: Target, frameId: number, all: Detection[], low: number) => Promise<number>, seen: (count: number) => string): Check {
  return {
    sentence,
    async run(target): Promise<Outcome> {
      let count = 0;
      const low = await target.lowThreshold();
      for (let frameId = 0; frameId < PICTURE_COUNT; frameId++) {
        const all = await detections(target, frameId, { confidence_threshold: low });
        if (all.length > 0) count += await compare(target, frameId, all, low);
      }
      return count > 0 ? pass(seen(count)) : skip(NOTHING_SEEN);
    },
  };
}

const sameThing = (a: Detection, b: Detection): boolean => a.class_id === b.class_id && a.bbox.every((value, index) => Math.abs(value - b.bbox[index]!) < 1e-6);

export const settings: Chapter = {
  title: 'Config',
  checks: [
    comparison('config.confidence_threshold leaves out what is less sure', async (target, frameId, all, low) => {
      const sorted = all.map((detection) => detection.confidence).toSorted((a, b) => a - b);
      const gaps = sorted.slice(1).map((confidence, index) => [confidence - sorted[index]!, (confidence + sorted[index]!) / 2] as const).toSorted(([a], [b]) => b - a);
      // Between what was seen, so that rounding cannot matter: below all, in the widest gap, above all.
      const thresholds = [sorted[0]! * 0.98, gaps[0] && gaps[0][0] > 1e-3 ? gaps[0][1] : low, sorted.at(-1)! + 1e-3].filter((threshold) => threshold <= 1);
      for (const threshold of thresholds) {
        const sure = await detections(target, frameId, { confidence_threshold: threshold });
        const below = sure.find((detection) => detection.confidence < threshold);
        demand(below === undefined, `with a threshold of ${threshold} a detection of ${below?.confidence} came`);
        const added = sure.find((detection) => !all.some((other) => sameThing(detection, other)));
        demand(added === undefined, `with a threshold of ${threshold} came what was not there with ${low}: ${shown(added)}`);
        const due = all.filter((detection) => detection.confidence >= threshold).length;
        demand(sure.length === due, `with a threshold of ${threshold} came ${sure.length} detections; ${due} of those at ${low} reach it`);
      }
      return all.length;
    }, (count) => `${count} detections; those of a higher threshold are among those of a lower`),
    comparison('config.max_detections keeps the surest', async (target, frameId, all, low) => {
      const one = await detections(target, frameId, { confidence_threshold: low, max_detections: 1 });
      demand(one.length === 1, `max_detections 1 gave ${one.length} detections`);
      const surest = Math.max(...all.map((detection) => detection.confidence));
      demand(one[0]!.confidence >= surest - 1e-6, `max_detections 1 gave a detection of ${one[0]!.confidence}; the surest has ${surest}`);
      return 1;
    }, (count) => `in ${count} pictures`),
    comparison('config.classes leaves out every other class', async (target, frameId, all, low) => {
      const name = all[0]!.class_name;
      const only = await detections(target, frameId, { confidence_threshold: low, classes: [name] });
      const other = only.find((detection) => detection.class_name !== name);
      demand(other === undefined, `asked for ${name} alone, ${other?.class_name} came`);
      const due = all.filter((detection) => detection.class_name === name).length;
      demand(only.length >= due, `asked for ${name} alone, ${only.length} came; without the filter ${due}`);
      return 1;
    }, (count) => `in ${count} pictures`),
    {
      sentence: 'config.classes with a class that the model does not know is no empty answer',
      async run(target) {
        const answer = await target.ask(target.request(2, { config: { classes: ['no such class'] } }));
        if (answer.error_code === 'bad_request') return pass(answer.error!);
        demand(answer.detections.length === 0, `${answer.detections.length} detections of a class that does not exist`);
        return warn('answered as if nothing were seen: a typing error would never be noticed');
      },
    },
    comparison('config.roi looks only there; its boxes are of the whole frame', async (target, frameId, _all, low) => {
      const roi = [0.5, 0, 1, 1] as const;
      const right = await detections(target, frameId, { confidence_threshold: low, roi: [...roi] });
      const outside = right.find(({ bbox: [xMin, , xMax] }) => xMin < roi[0] - 0.01 || xMax > roi[2] + 0.01);
      demand(outside === undefined, `asked to look at the right half alone, a box at ${shown(outside?.bbox)} came`);
      return right.length;
    }, (count) => `${count} boxes of the right half lie in it`),
    {
      sentence: 'config.roi of the whole frame is the whole frame',
      async run(target) {
        const low = await target.lowThreshold();
        const [plain, whole] = [await detections(target, 2, { confidence_threshold: low }), await detections(target, 2, { confidence_threshold: low, roi: [0, 0, 1, 1] })];
        demand(plain.length === whole.length, `${whole.length} detections with it, ${plain.length} without`);
        return plain.length > 0 ? pass(`${plain.length} detections with and without`) : skip(NOTHING_SEEN);
      },
    },
    {
      sentence: 'config.iou_threshold is taken',
      async run(target) {
        const low = await target.lowThreshold();
        const [strict, loose] = [await detections(target, 2, { confidence_threshold: low, iou_threshold: 0 }), await detections(target, 2, { confidence_threshold: low, iou_threshold: 1 })];
        demand(strict.length <= loose.length, `fewer detections at 1 (${loose.length}) than at 0 (${strict.length})`);
        return pass(`${strict.length} detections at 0, ${loose.length} at 1`);
      },
    },
    {
      sentence: 'config holds for its request alone',
      async run(target) {
        const before = await target.look();
        await detections(target, 2, { confidence_threshold: 1, max_detections: 1, roi: [0, 0, 0.1, 0.1] });
        const after = await target.look();
        demand(JSON.stringify(before.detections) === JSON.stringify(after.detections), 'the next request without config was answered otherwise than before');
        return pass('the next request had the defaults again');
      },
    },
  ],
};
