// `npm run -s rules -- --clips <folder> --models <folder> --json`: rules over the sample clips themselves, from pixels to alerts, against what
// a person saw in them (test/rules/expected.yaml). `--models` has the weights that are no part of the project.
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { judge, sampleClips, settingsOf, type Verdict } from '../../test/rules/sample-clips.ts';

const USAGE = 'usage: npm run -s rules -- --clips <folder of the sample clips> --models <folder with yolox_nano.onnx> [--json]';
const FOREIGN = { folder: '../../bench/models/yolox_nano', weights: 'yolox_nano.onnx' } as const;

const place = mkdtempSync(join(tmpdir(), 'ruth-rules-'));
try {
  const { values: { clips, models, json } } = parseArgs({ options: { clips: { type: 'string' }, models: { type: 'string' }, json: { type: 'boolean', default: false } } });
  if (clips === undefined || models === undefined) throw new Error(USAGE);
  copyFileSync(join(import.meta.dirname, '../models/yolox_nano/model.yaml'), join(place, 'model.yaml'));
  copyFileSync(join(models, FOREIGN.weights), join(place, FOREIGN.weights));
  const verdicts: Verdict[] = [];
  for (const sample of sampleClips.clips) {
    const clip = join(clips, sample.clip);
    if (!existsSync(clip)) throw new Error(`${clip} is not there; ${USAGE}`);
    const settings = join(place, `${sample.name}.yaml`);
    writeFileSync(settings, readFileSync(settingsOf(sample.name), 'utf8').replace(FOREIGN.folder, place));
    verdicts.push(await judge(sample, clip, settings));
  }
  const sum = (of: (verdict: Verdict) => number): number => verdicts.reduce((total, verdict) => total + of(verdict), 0);
  const total = { expected: sum((verdict) => verdict.expected), found: sum((verdict) => verdict.found), false: sum((verdict) => verdict.false.length), failed_looks: sum((verdict) => verdict.failedLooks) };
  if (json) console.log(JSON.stringify({ ...total, clips: verdicts }));
  else {
    console.table(verdicts.map(({ clip, expected, found, missed, false: wrong }) => ({ clip, expected, found, missed: missed.join(', '), false: wrong.join(', ') })));
    console.log(`${total.found} of ${total.expected} found, ${total.false} false`);
  }
} catch (cause) {
  console.error((cause as Error).message);
  process.exitCode = 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}
