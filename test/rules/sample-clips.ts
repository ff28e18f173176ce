// The sample clips: what happens in them by a person's eyes, and what the command makes of them.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Type, { type Static } from 'typebox';
import { CoreEvent, parseYaml, validator } from '@ruth/protocol';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const coreEvent = validator(CoreEvent);

const Expected = Type.Object({
  type: Type.Enum(['line.crossed', 'alert.raised']), at_s: Type.Number(), line: Type.Optional(Type.String()), direction: Type.Optional(Type.String()), rule: Type.Optional(Type.String()), who: Type.Optional(Type.String()),
}, { additionalProperties: false });
type Expected = Static<typeof Expected>;
const SampleClips = Type.Object({
  tolerance_s: Type.Number(), clips: Type.Array(Type.Object({ name: Type.String(), clip: Type.String(), events: Type.Array(Expected) }, { additionalProperties: false })),
}, { additionalProperties: false });

export interface Verdict { readonly clip: string; readonly expected: number; readonly found: number; readonly missed: string[]; readonly false: string[]; readonly failedLooks: number }

const path = join(import.meta.dirname, 'expected.yaml');
export const sampleClips = parseYaml(SampleClips, readFileSync(path, 'utf8'), path, 'invalid_config').value;

export const settingsOf = (name: string): string => join(import.meta.dirname, `${name}.yaml`);

/** Runs the command over a clip, or over the looks that were kept of it, and compares. */
export async function judge({ name, events: expected }: (typeof sampleClips.clips)[number], source: string, settings = settingsOf(name)): Promise<Verdict> {
  const { stdout } = await run(process.execPath, [join(ROOT, 'packages/cli/src/main.ts'), 'rules', 'test', source, settings, '--json'], { maxBuffer: 64 * 1024 * 1024 });
  const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as { summary?: { begins_at: number; failed_looks: number } });
  const { begins_at: beginsAt, failed_looks: failedLooks } = lines.pop()!.summary!;
  const told = lines.map((line) => coreEvent.parse(line)).flatMap((event): Expected[] => {
    if (event.type === 'line.crossed') return [{ type: event.type, line: event.line, direction: event.direction, at_s: event.captured_at - beginsAt }];
    return event.type === 'alert.raised' ? [{ type: event.type, rule: event.rule, at_s: event.captured_at - beginsAt }] : [];
  });
  const unmatched = [...told];
  const missed = expected.filter((wanted) => {
    const at = unmatched.findIndex((event) => (['type', 'line', 'direction', 'rule'] as const).every((key) => event[key] === wanted[key]) && Math.abs(event.at_s - wanted.at_s) <= sampleClips.tolerance_s);
    if (at >= 0) unmatched.splice(at, 1);
    return at < 0;
  });
  return { clip: name, expected: expected.length, found: expected.length - missed.length, missed: missed.map(text), false: unmatched.map(text), failedLooks };
}

const text = ({ type, line, direction, rule, at_s }: Expected): string => [type, line, direction, rule, `at ${at_s.toFixed(1)} s`].filter((part) => part !== undefined).join(' ');
