// Cameras that a site gave to this node: recorded until the lease ends and no longer, whoever is frozen or gone meanwhile.
import assert from 'node:assert/strict';
import { cp, rm, stat, utimes } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ClaimResult, Holdings, PlacementStatus, validator, type PlacementLease, type RecordingSettings, type Timeline } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { PlacedCameras, type PlacedRoster } from '../src/control/placed-cameras.ts';
import { MediaPacket, type StreamFormat } from '../src/media/media-packet.ts';
import { pictureDigest } from '../src/media/picture-digest.ts';
import { Archive } from '../src/record/archive/index.ts';
import { Recorder } from '../src/record/recorder/recorder.ts';
import { readSegment } from '../src/record/archive/recorded-segment.ts';
import { segmentFiles } from '../src/record/archive/segment-path.ts';
import { UNCLAIMED, type RecordingMessage, type Segment } from '../src/record/segment.ts';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { RecordingFolder } from './recording-child.ts';
import { ask, TestFolders, TestKernel, until } from './test-kernel.ts';

const INCARNATION = '0d9c1a52-7a52-4b0b-9d25-3f6b0f1c0a11';
const START_US = 1_700_000_000_000_000;
/** Of a 320x240 picture of x264. */
const PARAMETER_SETS = Buffer.from('000000016764000dacd94141fb011000000300100000030320f142996000000001' + '68ebe3cb22c0', 'hex');
const FORMAT: StreamFormat = { codec: 'h264', parameterSets: PARAMETER_SETS, width: 320, height: 240, reorderDepth: 0, audio: null };
const resources = new AsyncDisposableStack();
after(() => resources.disposeAsync());
const clips = noCamera ? null : resources.use(await Clips.open());

/** No two are alike. */
const slice = (picture: number, keyframe: boolean): Buffer => Buffer.from([0, 0, 0, 1, keyframe ? 0x65 : 0x41, 1 + picture % 200, 1 + Math.floor(picture / 200), 3]);

/** A second begins with a keyframe. Each file that was told of, as [from, to] in seconds. */
async function recordedWhile(leaseEndS: (atS: number) => number | null, seconds: number, look: (directory: string) => Promise<void> = async () => undefined): Promise<{ told: number[][]; aside: number[][]; states: string[] }> {
  await using folder = await RecordingFolder.make();
  const closed: Segment[] = [];
  const states: string[] = [];
  let nowS = 0;
  const recorder = new Recorder({
    cameraId: 'door', directory: folder.directory, segmentS: 60, notBeforeUs: 0, now: () => nowS * 1000, uptimeS: () => nowS,
    send: async (message: RecordingMessage) => { if (message.type === 'segment-closed') closed.push(message.segment); },
  });
  recorder.setWanted(true);
  recorder.begin(FORMAT);
  for (let picture = 0; picture < seconds * 25; picture++) {
    nowS = picture / 25;
    const keyframe = picture % 25 === 0;
    recorder.setLeaseEnd(leaseEndS(nowS));
    recorder.accept(new MediaPacket(Buffer.concat([...(keyframe ? [PARAMETER_SETS] : []), slice(picture, keyframe)]), picture * 3600, keyframe, START_US + picture * 40_000, 1));
    if (keyframe) states.push(recorder.status.state);
  }
  await recorder[Symbol.asyncDispose]();
  const since = ({ startUs, endUs }: { startUs: number; endUs: number }): number[] => [startUs, endUs].map((us) => Math.round((us - START_US) / 1e6));
  const aside = await Promise.all([...segmentFiles(join(folder.directory, UNCLAIMED), 'door')].map(async (file) => {
    const read = await readSegment(join(folder.directory, UNCLAIMED), file, false);
    return read.state === 'whole' ? since(read.segment) : [];
  }));
  await look(folder.directory);
  return { told: closed.map(since), aside, states };
}

test('a recorder whose lease nobody renews goes on aside, without a second missing between, and is back where it is renewed', async () => {
  const { told, aside, states } = await recordedWhile((atS) => (atS < 12 ? 7 : 60), 18);
  assert.deepEqual(told, [[0, 4], [12, 18]]);
  assert.deepEqual(aside, [[4, 12]]);
  assert.equal(states.map((state) => state[0]).join(''), 'rrrrrrrppppprrrrrr');
});

test('a node that has left its site says how much lies aside, counts it, and takes it in where it was moved up', async () => {
  const settings = (directory: string): RecordingSettings => ({ directory, segmentS: 60, minFreeBytes: 0, maxAgeDays: null, maxBytes: null });
  await recordedWhile((atS) => (atS < 12 ? 7 : 60), 18, async (directory) => {
    const lines: string[] = [];
    const open = (): Promise<Archive> => Archive.open({ settings: settings(directory), isInSite: false, logger: createLogger('kernel', 'warn', { write: (line: string) => void lines.push(line) }), onEvent: () => undefined });
    const aside = [...segmentFiles(join(directory, UNCLAIMED), 'door')];
    const bytes = (await Promise.all(aside.map((file) => stat(join(directory, UNCLAIMED, file))))).reduce((sum, { size }) => sum + size, 0);
    const since = START_US / 1e6 + 4;
    {
      await using archive = await open();
      const [line] = lines.map((one) => JSON.parse(one) as Record<string, unknown>).filter(({ folder }) => folder !== undefined);
      assert.match(String(line!.msg), /has left its site.*ruth site unclaimed/);
      assert.deepEqual([line!.cameras, line!.files, line!.bytes, line!.since], [1, 1, bytes, since]);
      await archive.sweep();
      assert.deepEqual((await archive.storage()).unclaimed, { cameras: 1, files: 1, bytes, since });
    }
    await cp(join(directory, UNCLAIMED), directory, { recursive: true });
    await rm(join(directory, UNCLAIMED), { recursive: true });
    await using archive = await open();
    await archive.sweep();
    assert.equal((await archive.storage()).unclaimed, undefined);
    const { spans } = await archive.timeline('door', START_US, START_US + 60e6);
    assert.equal(Math.round(spans.reduce((sum, { start, end }) => sum + end - start, 0)), 18);
  });
});

test('of what lies aside, what no other node has becomes recordings, what another one has is deleted, and the rest waits: each file of it plays by itself', async () => {
  const at = (second: number): number => START_US + second * 1e6;
  const parts = async (directory: string, root = ''): Promise<number[][]> => Promise.all([...segmentFiles(join(directory, root), 'door')].map(async (file) => {
    const read = await readSegment(join(directory, root), file, false);
    assert.ok(read.state === 'whole' && read.segment.fragments[0]!.keyframe && read.segment.fragments[0]!.startTicks === 0, file);
    return [read.segment.startUs, read.segment.endUs].map((us) => Math.round((us - START_US) / 1e5) / 10);
  }));
  await recordedWhile(() => 7, 18, async (directory) => {
    await using archive = await Archive.open({ settings: { directory, segmentS: 60, minFreeBytes: 0, maxAgeDays: null, maxBytes: null }, logger: createLogger('kernel', 'silent'), onEvent: () => undefined });
    assert.deepEqual([await parts(directory), await parts(directory, UNCLAIMED)], [[[0, 4]], [[4, 18]]]);
    const span = (from: number, to: number): { startUs: number; endUs: number } => ({ startUs: at(from), endUs: at(to) });
    // The last of it ends within a second of pictures that need one another: that second waits for the rest.
    const first = await archive.claim('door', { claim: [span(3, 7), span(10, 12.5)], drop: [span(7, 9.5)] });
    assert.equal(first.leftFiles, 1);
    assert.deepEqual([await parts(directory), await parts(directory, UNCLAIMED)], [[[0, 4], [4, 7], [10, 12]], [[12, 18]]]);
    assert.deepEqual((await archive.holdings('door', at(0), at(60))).recorded.map(({ startUs, endUs }) => [startUs, endUs].map((us) => Math.round((us - START_US) / 1e6))), [[0, 7], [10, 12]]);
    // As if the first claim had died before it cut the file: what is recorded already is never recorded again.
    const [aside] = [...segmentFiles(join(directory, UNCLAIMED), 'door')];
    assert.deepEqual((await archive.claim('door', { claim: [span(5, 6)], drop: [] })), { spans: [], gaps: [], deletedFiles: 0, leftFiles: 1 });
    await cp(join(directory, UNCLAIMED, aside!), join(directory, UNCLAIMED, aside!.replace(/\d+\.mp4$/, `${at(12) / 1000 + 1}.mp4`)));
    const rest = await archive.claim('door', { claim: [span(0, 100)], drop: [] });
    assert.deepEqual([rest.leftFiles, rest.deletedFiles], [0, 1]);
    assert.deepEqual([await parts(directory), await parts(directory, UNCLAIMED)], [[[0, 4], [4, 7], [10, 12], [12, 18]], []]);
    const { spans } = await archive.timeline('door', at(0), at(60));
    assert.equal(Math.round(spans.reduce((sum, { start, end }) => sum + end - start, 0)), 15);
  });
});

test('of a file that ends, by its own dates, some milliseconds after another node began nothing is lost', async () => {
  await recordedWhile(() => 7, 18, async (directory) => {
    await using archive = await Archive.open({ settings: { directory, segmentS: 60, minFreeBytes: 0, maxAgeDays: null, maxBytes: null }, logger: createLogger('kernel', 'silent'), onEvent: () => undefined });
    const beganUs = START_US + 18e6 - 40_000;
    const { leftFiles, spans } = await archive.claim('door', { claim: [{ startUs: START_US, endUs: beganUs }], drop: [{ startUs: beganUs, endUs: beganUs + 60e6 }] });
    assert.deepEqual([leftFiles, spans.map(({ endUs }) => Math.round((endUs - START_US) / 1e5) / 10)], [0, [18]]);
  });
});

test('a keyframe is known again by its bytes: where recordings begin and end, and where that lies aside of another node', async () => {
  const keyframe = (second: number): string => pictureDigest('h264', { nals: [slice(second * 25, true).subarray(4)] });
  await recordedWhile(() => 7, 18, async (directory) => {
    await using archive = await Archive.open({ settings: { directory, segmentS: 60, minFreeBytes: 0, maxAgeDays: null, maxBytes: null }, logger: createLogger('kernel', 'silent'), onEvent: () => undefined });
    const at = (second: number): number => START_US / 1e6 + second;
    const edges = (from: number, to: number): ReturnType<Archive['edges']> => archive.edges('door', at(from) * 1e6, at(to) * 1e6, 4e6);
    assert.deepEqual(await edges(0, 60), { firsts: [{ picture: keyframe(0), at: at(0) }], lasts: [{ picture: keyframe(3), at: at(3) }] });
    assert.deepEqual(await edges(1, 3), { firsts: [], lasts: [] }, 'they go on');
    const find = async (second: number, atS: number): Promise<(number | null)[][]> => (await archive.findAside('door', [{ picture: keyframe(second), at: at(atS) }])).map(({ startUs, nextUs }) => [startUs, nextUs].map((us) => (us === null ? null : Math.round(us / 1e6 - at(0)))));
    assert.deepEqual(await find(5, 6.3), [[5, 6]], 'whatever the date, as far as clocks may differ');
    assert.deepEqual(await find(17, 17), [[17, null]], 'nothing comes after it');
    assert.deepEqual([await find(2, 2), await find(5, 9)], [[], []], 'that is no longer, or not yet, aside; that is another one');
    await archive.claim('door', { claim: [{ startUs: START_US + 8e6, endUs: START_US + 10e6 }], drop: [] });
    assert.deepEqual(await find(7, 7), [[7, 10]], 'in the next file, however that is dated: what lies between is not here');
  });
});

test('what is missing between two recordings is told to other nodes, however short it is: they may have it', async () => {
  await recordedWhile(() => 7, 18, async (directory) => {
    await using archive = await Archive.open({ settings: { directory, segmentS: 60, minFreeBytes: 0, maxAgeDays: null, maxBytes: null }, logger: createLogger('kernel', 'silent'), onEvent: () => undefined });
    const at = (second: number): number => START_US / 1e6 + second;
    await archive.claim('door', { claim: [{ startUs: at(6) * 1e6, endUs: at(18) * 1e6 }], drop: [{ startUs: at(4) * 1e6, endUs: at(6) * 1e6 }] });
    const roster = { has: () => false, holdings: archive.holdings.bind(archive), edges: archive.edges.bind(archive) };
    const { recorded, firsts, lasts } = await new PlacedCameras(roster as unknown as PlacedRoster, () => 1e6).holdings({ camera: 'door', start: at(0), end: at(60) });
    const since = (second: number): number => Math.round(second - at(0));
    assert.deepEqual(recorded.map(({ start, end }) => [since(start), since(end)]), [[0, 4], [6, 18]]);
    assert.deepEqual([firsts, lasts].map((seams) => seams!.map((seam) => since(seam.at))), [[0, 6], [3, 17]]);
  });
});

test('what lies aside goes as old as recordings do', async () => {
  await recordedWhile(() => 7, 8, async (directory) => {
    const open = (maxAgeDays: number): Promise<Archive> => Archive.open({ settings: { directory, segmentS: 60, minFreeBytes: 0, maxAgeDays, maxBytes: null }, logger: createLogger('kernel', 'silent'), onEvent: () => undefined });
    const days = (Date.now() * 1000 - START_US) / 86_400e6;
    // One that was written just now is not touched.
    for (const file of segmentFiles(join(directory, UNCLAIMED), 'door')) await utimes(join(directory, UNCLAIMED, file), new Date(), new Date(START_US / 1000));
    for (const [maxAgeDays, left] of [[days + 1, 1], [days - 1, 0]] as const) {
      await using archive = await open(maxAgeDays);
      await archive.sweep();
      assert.equal([...segmentFiles(join(directory, UNCLAIMED), 'door')].length, left);
    }
  });
});

test('no picture that came after the end of the lease is among the recordings, however far its keyframes are from one another', async () => {
  // It was told of a lease that is over by the next picture.
  const { told, aside } = await recordedWhile((atS) => (atS < 5.5 ? 60 : 5.5), 9);
  assert.deepEqual([told, aside], [[[0, 6]], [[6, 9]]]);
  assert.deepEqual((await recordedWhile(() => null, 4)).told, [[0, 4]]);
});

test('a camera of the site is recorded while the lease lasts; a process that was frozen writes nothing of what came after it', { skip: noCamera }, async () => {
  await using camera = await RealCamera.start({ one: launch.h264(await clips!.make('one.mp4')) });
  await using folders = await TestFolders.make();
  await using recordings = await RecordingFolder.make();
  await using kernel = await TestKernel.start([], folders, { recording: { directory: recordings.directory, segment_s: 2 } });
  const { socketPath } = kernel.kernel;
  const place = async (leaseS: number): Promise<PlacementStatus> => {
    const lease: PlacementLease = { incarnation: INCARNATION, until_s: uptime() + leaseS, cameras: [{ id: 'gate', url: camera.url('one') }] };
    const { status, body } = await ask(socketPath, 'PUT', '/v1/placement', lease);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(validator(PlacementStatus).violations(body), []);
    return body as unknown as PlacementStatus;
  };
  const recorded = async (): Promise<Timeline> => (await ask(socketPath, 'GET', `/v1/cameras/gate/timeline?start=${Date.now() / 1000 - 600}&end=${Date.now() / 1000 + 60}`)).body as unknown as Timeline;

  await place(60);
  await until(recorded, ({ newest }) => newest !== null, 'gate is recorded');
  await kernel.until('gate', ({ recording }) => recording.state === 'recording', 'says so');
  await place(1.5);
  const endS = Date.now() / 1000 + 1.5;
  const { pid } = kernel.kernel.camera('gate');
  process.kill(pid!, 'SIGSTOP');
  await delay(3000);
  process.kill(pid!, 'SIGCONT');
  await kernel.until('gate', ({ recording }) => recording.state === 'paused', 'is not recorded without a lease');
  // Long enough for several fragments aside, after the rush of what had waited.
  await delay(4000);
  assert.equal(kernel.kernel.camera('gate').pid, pid, 'it is the process that was frozen');
  const { newest } = await recorded();
  assert.ok(newest! <= endS + 0.1, `recorded ${newest! - endS} s beyond the lease`);

  await place(60);
  await until(recorded, (timeline) => timeline.newest! > endS + 1, 'gate is recorded again');
  const gap = (await recorded()).gaps.at(-1)!;
  assert.ok(gap.start <= endS + 0.1 && gap.end! > endS, 'what is missing is a gap');

  // What came meanwhile lies aside. Another node began between: what it has is not this one's.
  let asideS = Infinity;
  await until(async () => validator(PlacementStatus).parse((await ask(socketPath, 'GET', '/v1/placement')).body), ({ unclaimed }) => (asideS = unclaimed?.gate?.from ?? Infinity) < gap.end!, 'something lies aside');
  const [fromS, toS] = [gap.start, (asideS + gap.end!) / 2];
  const claimed = validator(ClaimResult).parse((await ask(socketPath, 'POST', '/v1/placement/claim', { camera: 'gate', claim: [{ start: fromS - 1, end: toS }], delete: [{ start: toS, end: gap.end! + 60 }] })).body);
  assert.ok(claimed.claimed_s > 0 && claimed.deleted_files >= 0 && claimed.left_files === 0, JSON.stringify(claimed));
  const after = await recorded();
  const overlap = (span: { start: number; end: number }, a: number, b: number): number => Math.max(0, Math.min(span.end, b) - Math.max(span.start, a));
  const within = (a: number, b: number): number => after.spans.reduce((sum, span) => sum + overlap(span, a, b), 0);
  assert.ok(Math.abs(within(fromS, gap.end!) - claimed.claimed_s) < 0.1, `${within(fromS, gap.end!)} s of the gap are recorded, ${claimed.claimed_s} were claimed`);
  assert.ok(within(toS + 0.05, gap.end!) < 0.05, 'nothing of what another node has is among the recordings');
  assert.ok(after.gaps.every((left) => within(left.start + 0.05, (left.end ?? Infinity) - 0.05) < 0.05), 'what is recorded is no gap any more');
  assert.deepEqual(validator(ClaimResult).parse((await ask(socketPath, 'POST', '/v1/placement/claim', { camera: 'gate', claim: [{ start: fromS, end: gap.end! + 60 }], delete: [] })).body), { claimed_s: 0, deleted_files: 0, left_files: 0 });

  // What it tells another node that recorded the camera aside meanwhile.
  const held = validator(Holdings).parse((await ask(socketPath, 'POST', '/v1/placement/holdings', { camera: 'gate', start: fromS - 1, end: Date.now() / 1000 })).body);
  assert.ok(held.recorded.some(({ start, end }) => start <= fromS && end >= toS - 5) && held.aside.length === 0, JSON.stringify(held));
  assert.ok(held.settled > gap.end! && held.settled <= Date.now() / 1000, 'it records, so that what it has may grow at its end');
  assert.equal((await ask(socketPath, 'DELETE', '/v1/cameras/gate')).body.error_code, 'conflict');
  assert.equal((await ask(socketPath, 'PUT', '/v1/cameras/gate', { id: 'gate', url: camera.url('one') })).body.error_code, 'conflict');
});

test('a camera that is recorded aside and is to be this node\'s next one goes on aside until it is: nothing is missing between', { skip: noCamera }, async () => {
  await using camera = await RealCamera.start({ one: launch.h264(await clips!.make('one.mp4')) });
  await using folders = await TestFolders.make();
  await using recordings = await RecordingFolder.make();
  await using kernel = await TestKernel.start([], folders, { recording: { directory: recordings.directory, segment_s: 2 } });
  const { placed, socketPath } = kernel.kernel;
  const gate = { id: 'gate', url: camera.url('one') };
  const place = (untilS: number, lease: Partial<PlacementLease>): Promise<PlacementStatus> => placed.place({ incarnation: INCARNATION, until_s: untilS, cameras: [], ...lease });
  const newest = async (): Promise<number | null> => ((await ask(socketPath, 'GET', `/v1/cameras/gate/timeline?start=${Date.now() / 1000 - 600}&end=${Date.now() / 1000 + 60}`)).body as unknown as Timeline).newest;

  await place(uptime() + 60, { cameras: [gate] });
  await until(newest, (atS) => atS !== null, 'gate is recorded');
  const asideSince = (): Promise<number> => until(async () => placed.status, ({ unclaimed }) => unclaimed?.gate !== undefined, 'something lies aside').then(({ unclaimed }) => unclaimed!.gate!.from);
  await place(uptime(), { cameras: [gate] });
  await place(uptime(), { aside: ['gate'] });
  const fromS = await asideSince();
  const next = { aside: ['gate'], next: [gate] };
  assert.deepEqual((await place(uptime() + 60, next)).held, ['gate'], 'its pictures come already');
  const sinceS = Date.now() / 1000;
  const { unclaimed } = await until(() => place(uptime() + 60, next), (status) => status.unclaimed!.gate!.to > sinceS + 1, 'it goes on aside');
  await place(uptime() + 60, { cameras: [gate] });
  await until(newest, (atS) => atS! > unclaimed!.gate!.to + 2, 'it is recorded again');
  await placed.claim({ camera: 'gate', claim: [{ start: 0, end: Date.now() / 1000 }], delete: [] });
  const { spans, gaps } = (await ask(socketPath, 'GET', `/v1/cameras/gate/timeline?start=${fromS}&end=${(await newest())!}`)).body as unknown as Timeline;
  assert.equal(spans.length, 1, JSON.stringify({ spans, gaps, fromS }));
});

test('what the site no longer names is let go before it is answered; what cannot be taken is refused and disturbs nothing', async () => {
  await using kernel = await TestKernel.start([{ id: 'own', url: 'rtsp://127.0.0.1:9/own' }]);
  const place = (cameras: PlacementLease['cameras'], untilS = uptime() + 10): Promise<PlacementStatus> => kernel.kernel.placed.place({ incarnation: INCARNATION, until_s: untilS, cameras });
  const status = await place([{ id: 'gate', url: 'rtsp://127.0.0.1:9/gate' }, { id: 'own', url: 'rtsp://127.0.0.1:9/x' }, { id: 'odd', url: 'http://127.0.0.1/x' }]);
  assert.deepEqual(Object.keys(status.cameras), ['gate']);
  assert.deepEqual(Object.keys(status.refused), ['own', 'odd']);
  assert.deepEqual(kernel.kernel.cameras().map(({ camera_id: id }) => id), ['own', 'gate']);
  await until(async () => kernel.kernel.placed.status, ({ cameras: { gate } }) => gate?.unreachable === true, 'nothing answers there');
  assert.deepEqual((await place([])).cameras, {});
  const { cameras } = await kernel.kernel.placed.place({ incarnation: INCARNATION, until_s: uptime() + 10, cameras: [{ id: 'gate', url: 'rtsp://127.0.0.1:9/gate' }], leave: ['gate'] });
  assert.deepEqual(cameras, {}, 'a kernel that began anew takes up no camera that leaves');
  await place([{ id: 'gate', url: 'rtsp://127.0.0.1:9/gate' }]);
  const leave = (): Promise<PlacementStatus> => kernel.kernel.placed.place({ incarnation: INCARNATION, until_s: uptime() + 10, cameras: [{ id: 'gate', url: 'rtsp://127.0.0.1:9/gate' }], leave: ['gate'] });
  await until(leave, ({ left }) => left?.gate === null, 'one that records nothing has left, nobody knows where');
  assert.deepEqual((await place([])).cameras, {});
  assert.deepEqual(kernel.kernel.cameras().map(({ camera_id: id }) => id), ['own']);
  const answer = await ask(kernel.kernel.socketPath, 'PUT', '/v1/placement', { incarnation: INCARNATION, until_s: uptime() + 1e6, cameras: [] });
  assert.match(String(answer.body.error), /another clock/);
});
