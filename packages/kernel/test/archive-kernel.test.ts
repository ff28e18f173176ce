import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KernelEvent, kernelSocketPath, validator, type CameraStatus, type RecordingGapEvent, type Timeline } from '@ruth/protocol';
import { whyUnplayable } from '../src/record/archive/playable.ts';
import { segmentFiles } from '../src/record/archive/segment-path.ts';
import { verify } from '../src/record/archive/verify.ts';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { ask, TestFolders, TestKernel, until } from './test-kernel.ts';

const real = { skip: noCamera };
const kernelEvent = validator(KernelEvent);
let clips: Clips;
let clip: string;
before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  clip = await clips.make('cam.mp4', { size: '160x120', seconds: 300 });
});
after(async () => { await clips?.[Symbol.asyncDispose](); });

const recordingOf = (folders: TestFolders): { recording: object; live: object } =>
  ({ recording: { directory: join(folders.sockets, 'recordings'), segment_s: 2, min_free_gb: 0 }, live: { webrtc: { active: false } } });

class SpawnedKernel implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #socketPath: string;

  private constructor(process: ChildProcess, socketPath: string) {
    this.#process = process;
    this.#socketPath = socketPath;
  }

  static async start(folders: TestFolders, url: string): Promise<SpawnedKernel> {
    const file = join(folders.sockets, 'ruth.yaml');
    await writeFile(file, folders.settingsText([{ id: 'cam', url }], recordingOf(folders)));
    const child = spawn(process.execPath, [new URL('../src/main.ts', import.meta.url).pathname, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });
    return new SpawnedKernel(child, kernelSocketPath(folders.sockets));
  }

  async timeline(): Promise<Timeline | null> {
    return ask(this.#socketPath, 'GET', `/v1/cameras/cam/timeline?start=1&end=${Date.now() / 1000 + 60}`).then(({ status, body }) => (status === 200 ? body as unknown as Timeline : null), () => null);
  }

  async pidOfChild(): Promise<number> {
    const { body } = await ask(this.#socketPath, 'GET', '/v1/cameras/cam');
    return (body as unknown as CameraStatus).pid!;
  }

  /** Until so many seconds are recorded since then (UTC, seconds). */
  recorded(seconds: number, sinceS: number): Promise<Timeline | null> {
    return until(() => this.timeline(), (timeline) => timeline?.newest != null && timeline.newest - sinceS > seconds, `${seconds} s are recorded`);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill(signal);
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.end('SIGKILL'); }
}

/** What was told of a file while it grew is dated to some microseconds of what is read from it. */
function assertSame(instant: number, other: number): void { assert.ok(Math.abs(instant - other) < 0.001, `${instant} is not ${other}`); }

test('after kill -9 of kernel and recorder, index and files tell the same, all plays, little is lost, and the gap has its cause', real, async () => {
  await using camera = await RealCamera.start({ cam: launch.h264(clip) });
  await using folders = await TestFolders.make();
  const directory = join(folders.sockets, 'recordings');
  const startS = Date.now() / 1000;
  {
    await using kernel = await SpawnedKernel.start(folders, camera.url('cam'));
    await kernel.recorded(3, startS);
    const pid = await kernel.pidOfChild();
    process.kill(pid, 'SIGKILL');
    await kernel.end('SIGKILL');
  }
  const killedS = Date.now() / 1000;
  await using kernel = await SpawnedKernel.start(folders, camera.url('cam'));
  const timeline = (await kernel.recorded(2, killedS))!;
  const { body: told } = await ask(kernelSocketPath(folders.sockets), 'POST', '/v1/recorded', { cameras: { cam: [startS - 60, killedS + 600, timeline.spans[0]!.start], gone: [startS] } });
  assert.deepEqual(told, { cameras: { cam: [false, 'unknown', true], gone: [false] } });
  const [gap] = timeline.gaps.filter(({ cause }) => cause === 'process_died');
  assert.ok(gap && gap.end !== null, JSON.stringify(timeline));
  assertSame(gap.start, timeline.spans.findLast(({ start }) => start < killedS)!.end);
  const beside = await verify({ directory, repair: false, decode: whyUnplayable });
  assert.deepEqual(beside.findings, [], 'beside the running kernel');
  await kernel.end('SIGTERM');
  const after = await verify({ directory, repair: false, decode: whyUnplayable });
  assert.deepEqual([after.findings, after.open], [[], 0]);
  assert.equal(after.files, [...segmentFiles(directory, 'cam')].length);
});

test('a recorder that is killed loses at most a second; what it wrote is taken before the next one begins', real, async () => {
  await using camera = await RealCamera.start({ cam: launch.h264(clip) });
  await using folders = await TestFolders.make();
  await using test = await TestKernel.start([{ id: 'cam', url: camera.url('cam') }], folders, recordingOf(folders));
  const { playback } = test.kernel;
  const timeline = (): Promise<Timeline> => playback.recorded.archive.timeline('cam', 0, 1e16);
  const startS = Date.now() / 1000;
  await until(timeline, ({ newest }) => newest !== null && newest > startS + 2, 'records');
  const { pid } = test.kernel.camera('cam');
  process.kill(pid!, 'SIGKILL');
  const killedS = Date.now() / 1000;
  const { spans, gaps } = await until(timeline, ({ newest }) => newest !== null && newest > killedS + 2, 'records again');
  const before = spans.findLast(({ start }) => start < killedS)!;
  assert.ok(killedS - before.end < 1, `${killedS - before.end} s are lost`);
  assert.deepEqual(gaps.map(({ cause }) => cause), ['process_died']);
  assertSame(gaps[0]!.start, before.end);
  assertSame(gaps[0]!.end!, spans.find(({ start }) => start > before.end)!.start);
});

test('a camera that goes away is a gap with an event when it begins and when it ends; who comes back gets what it missed', real, async () => {
  await using folders = await TestFolders.make();
  let camera = await RealCamera.start({ cam: launch.h264(clip) });
  const { port } = camera;
  try {
    await using test = await TestKernel.start([{ id: 'cam', url: camera.url('cam'), stall_timeout_ms: 1000 }], folders, recordingOf(folders));
    const since = test.kernel.events.newestId;
    await until(() => test.kernel.camera('cam'), ({ recording }) => recording.segments > 0, 'records');
    await camera[Symbol.asyncDispose]();
    await until(() => eventsAfter(test.kernel.socketPath, since), (events) => events.length >= 1, 'the gap begins');
    camera = await RealCamera.start({ cam: launch.h264(clip) }, { port });
    const [began, ended] = await until(() => eventsAfter(test.kernel.socketPath, since), (events) => events.length >= 2, 'the gap ends');
    assert.deepEqual([began?.camera_id, began?.gap.cause, began?.gap.end], ['cam', 'camera_down', null]);
    assert.deepEqual([ended?.gap.start, ended?.gap.cause], [began?.gap.start, 'camera_down']);
    assert.ok(ended!.gap.end! > began!.gap.start);
  } finally {
    await camera[Symbol.asyncDispose]();
  }
});

test('two kernels never record into one folder', real, async () => {
  await using folders = await TestFolders.make();
  await using others = await TestFolders.make();
  await using first = await TestKernel.start([], folders, recordingOf(folders));
  await assert.rejects(TestKernel.start([], others, recordingOf(folders)), { code: 'invalid_state' });
  assert.ok(existsSync(first.kernel.socketPath));
});

/** What the kernel tells anyone who comes back with that id. */
async function eventsAfter(socketPath: string, id: number): Promise<RecordingGapEvent[]> {
  const outgoing = request({ socketPath, path: '/v1/events', headers: { 'last-event-id': String(id) } });
  outgoing.on('error', () => undefined);
  outgoing.end();
  const [response] = await once(outgoing, 'response') as [IncomingMessage];
  response.on('error', () => undefined);
  let text = '';
  const enough = setTimeout(() => outgoing.destroy(), 500);
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  } catch {
    // Ended by us.
  }
  clearTimeout(enough);
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => kernelEvent.parse(JSON.parse(data!))).filter((event): event is RecordingGapEvent => event.type === 'recording.gap');
}
