// The process that tries rules on looks that were kept (history/rule-test.ts): a line of JSON and the bytes of entries in, a RuleTest out.
import { buffer } from 'node:stream/consumers';
import { RuthError, type ErrorBody, type RuleTest } from '@ruth/protocol';
import { entriesIn } from './history/look-entries.ts';
import { rehearse } from './history/rehearsal.ts';
import type { RuleTestHead } from './history/rule-test.ts';
import { NO_THRESHOLDS } from './tracking/thresholds.ts';

function tested(input: Buffer): RuleTest | ErrorBody {
  try {
    const lineEnd = input.indexOf('\n');
    const { names, models, scene, rules, ...options } = JSON.parse(input.toString('utf8', 0, lineEnd)) as RuleTestHead;
    return rehearse(entriesIn(input.subarray(lineEnd + 1), names, options.cameraId), { scene, rules }, {
      ...options, detects: (id) => models[id]?.detects ?? false, keypointNames: (id) => models[id]?.keypoint_names ?? [], thresholds: (id) => models[id]?.thresholds ?? NO_THRESHOLDS,
    });
  } catch (cause) {
    const { code, message } = RuthError.from(cause);
    return { error: message, error_code: code };
  }
}

process.stdout.write(JSON.stringify(tested(await buffer(process.stdin))));
