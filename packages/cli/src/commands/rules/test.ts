// `ruth rules test clip.mp4 ruth.yaml`: the events that the clip would raise at a camera, without a node: models and rules run as they would.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type CoreEvent, RuthError, type Settings } from '@ruth/protocol';
import { loadSettings } from '@ruth/transport';
import { InvalidArgumentError, type Command } from 'commander';
import { encodeSheet } from '../../onboarding/contact-sheet.ts';
import { picturesOf } from '../../rules/clip-frames.ts';
import { eventSheet, MOST_PICTURES, type PicturedEvent } from '../../rules/event-sheet.ts';
import { clipTime, eventText } from '../../rules/event-text.ts';
import { isLooksFile, writeLooks } from '../../rules/looks-file.ts';
import { runOnClip, runOnLooks, type RulesRun } from '../../rules/rules-run.ts';
import { oneShot } from '../camera/one-shot.ts';
import { interruptible, steps } from '../model/steps.ts';

interface Options { camera?: string; at?: number; json: boolean; picture?: string; tracks: boolean; saveLooks?: string; clip?: string }

/** A picture has no place for how a track goes on. */
const QUIET = new Set(['track.started', 'track.updated', 'track.ended']);

export function addRulesTestCommand(rules: Command): void {
  rules.command('test <clip> [ruth.yaml]')
    .description('print the events that a clip would raise; "clip" may be a file of looks that --save-looks kept')
    .option('--camera <id>', 'whose scene and rules; the only one of the file unless told')
    .option('--at <time>', 'when the clip begins, e.g. 2026-03-06T22:00:00Z, for rules that tell times of day; now unless told', instant)
    .option('--tracks', 'also when tracks begin, go on and end', false)
    .option('--json', 'an event a line, then a summary, as JSON on standard output', false)
    .option('--picture <file>', 'draw the frame of each event (.jpg or .png)')
    .option('--save-looks <file>', 'keep what the models saw (.jsonl or .jsonl.gz), to try rules again without them')
    .option('--clip <file>', 'where the pictures are, where looks are given')
    .action((clip: string, file: string | undefined, options: Options) => oneShot(() => interruptible((signal) => test(clip, file ?? 'ruth.yaml', options, signal))));
}

async function test(clip: string, file: string, options: Options, signal: AbortSignal): Promise<void> {
  const settings = loadSettings(file);
  const cameraId = cameraOf(settings, options.camera, file);
  const { step } = steps(options);
  const looking = step(isLooksFile(clip) ? 'judge' : 'look');
  const run = await (isLooksFile(clip) ? runOnLooks : runOnClip)(clip, {
    settings, cameraId, signal, beginsAt: options.at ?? Date.now() / 1000,
    onProgress: (share, events) => looking.say(`${share === null ? '' : `${Math.floor(share * 100)} %, `}${events} events`),
  });
  const failed = run.looks.filter(({ error }) => error !== null);
  looking.done(`${run.looks.length} looks, ${failed.length} failed`);
  const shown = run.events.filter(({ type }) => type !== 'detection' && (options.tracks || !QUIET.has(type)));
  print(run, shown, options.json);
  if (options.saveLooks !== undefined) writeLooks(options.saveLooks, run);
  if (options.picture !== undefined) await draw(run, shown, { settings, cameraId, clip: options.clip ?? clip, file: options.picture });
  if (failed.length > 0) throw new RuthError('inference_failed', `${failed.length} of ${run.looks.length} looks failed, so events may be missing: ${failed[0]!.error}`);
}

function print({ head, looks, events }: RulesRun, shown: readonly CoreEvent[], json: boolean): void {
  const alerts = events.filter(({ type }) => type === 'alert.raised').length;
  if (json) {
    for (const event of shown) console.log(JSON.stringify(event));
    const counts = Object.fromEntries([...Map.groupBy(events, ({ type }) => type)].map(([type, those]) => [type, those.length]));
    console.log(JSON.stringify({ summary: { clip: head.clip, begins_at: head.begins_at, looks: looks.length, failed_looks: looks.filter(({ error }) => error !== null).length, alerts, events: counts } }));
    return;
  }
  for (const event of shown) console.log(`${clipTime(('captured_at' in event ? event.captured_at : event.at) - head.begins_at).padStart(8)}  ${eventText(event)}`);
  console.log(`${shown.length} events, ${alerts} of them alerts`);
}

async function draw({ head }: RulesRun, shown: readonly CoreEvent[], { settings, cameraId, clip, file }: { settings: Settings; cameraId: string; clip: string; file: string }): Promise<void> {
  if (isLooksFile(clip)) throw new RuthError('bad_request', 'looks hold no pictures; give the clip with --clip');
  const pictured = shown.filter((event): event is PicturedEvent => 'frame_id' in event && event.type !== 'occupancy').slice(0, MOST_PICTURES);
  if (pictured.length === 0) return console.error('nothing happened: there is nothing to draw');
  const pictures = await picturesOf(clip, new Set(pictured.map(({ frame_id }) => frame_id)));
  writeFileSync(file, await encodeSheet(eventSheet(pictured, pictures, settings.scenes[cameraId] ?? {}, head.begins_at, head.clip), file));
  console.error(`drawn: ${resolve(file)}`);
}

function cameraOf({ cameras, scenes, rules }: Settings, asked: string | undefined, file: string): string {
  const ids = cameras.map(({ id }) => id);
  const known = ids.join(', ') || 'none';
  if (asked !== undefined) {
    if (ids.includes(asked)) return asked;
    throw new RuthError('camera_not_found', `${asked} is no camera of ${file}; known: ${known}`);
  }
  const meant = ids.filter((id) => scenes[id] !== undefined || rules.some(({ camera }) => camera === id));
  const [only, ...others] = meant.length > 0 ? meant : ids;
  if (only === undefined || others.length > 0) throw new RuthError('bad_request', `which camera? Give --camera; known: ${known}`);
  return only;
}

function instant(text: string): number {
  const at = Date.parse(text) / 1000;
  if (Number.isNaN(at)) throw new InvalidArgumentError('It must be a time such as 2026-03-06T22:00:00Z.');
  return at;
}
