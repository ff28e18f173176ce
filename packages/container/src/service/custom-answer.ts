// What a custom model answered, checked against the contract and completed: its code is not ours.
import { Detection, RuthError, validator } from '@ruth/protocol';
import type { LoadedModel } from '../model/load-model.ts';

const detection = validator(Detection);
const MOST_DETECTIONS = 10_000;

export interface AnswerLimits { readonly confidenceThreshold: number; readonly maxDetections: number; readonly classIds?: readonly number[] }

/** The surest first, at most as many as wanted. Throws `inference_failed` that says which field of which detection is wrong. */
export function customAnswer(answer: unknown, { classes }: Pick<LoadedModel, 'classes'>, limits: AnswerLimits): Detection[] {
  const wrong = (what: string): RuthError => new RuthError('inference_failed', `the model's answer is not valid: ${what}`);
  if (!Array.isArray(answer)) throw wrong(`infer() must give an array of detections, not ${answer === null ? 'null' : typeof answer}`);
  if (answer.length > MOST_DETECTIONS) throw wrong(`it has ${answer.length} detections; at most ${MOST_DETECTIONS} are allowed`);
  const detections = answer.map((one: unknown, index): Detection => {
    const given = typeof one === 'object' && one !== null ? one as Partial<Detection> : {};
    const classId = given.class_id ?? (given.class_name === undefined ? 0 : Math.max(0, classes.indexOf(given.class_name)));
    const className = given.class_name ?? classes[classId] ?? `class_${classId}`;
    if (classes.length > 0 && classes[classId] !== className) throw wrong(`detections[${index}] is of ${JSON.stringify(className)}, class ${classId}; model.yaml lists ${classes.join(', ')}`);
    let valid: Detection;
    try {
      valid = detection.parse({ ...given, class_id: classId, class_name: className, track_id: null }, 'inference_failed');
    } catch (cause) {
      throw wrong(`detections[${index}]: ${(cause as Error).message}`);
    }
    const [left, top, right, bottom] = valid.bbox;
    if (!(right > left && bottom > top)) throw wrong(`detections[${index}].bbox [${valid.bbox.join(', ')}] has no area: give [left, top, right, bottom]`);
    return valid;
  });
  return detections.filter(({ confidence, class_id }) => confidence >= limits.confidenceThreshold && (limits.classIds?.includes(class_id) ?? true))
    .sort((a, b) => b.confidence - a.confidence).slice(0, limits.maxDetections);
}
