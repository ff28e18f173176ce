// The demo's clip, by each way it can come.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Decoder, Demuxer } from 'node-av/api';
import { prepareDemoClip, type DemoClipOptions } from '../src/demo/clip.ts';
import { makePhotoClip, photoStrip, PHOTO_CLIP } from '../src/demo/photo-clip.ts';
import { fetched, installed } from '../src/demo/sample-video.ts';
import { playsAsItIs, transcode } from '../src/demo/transcode.ts';

const sharedClip = fileURLToPath(new URL('../../../../shared/data/video/store-aisle.mp4', import.meta.url));
const withoutShared = existsSync(sharedClip) ? false : 'needs ../shared/data/video';

/** Decodes all of it; throws where a picture cannot be. */
async function inspect(path: string): Promise<{ frames: number; width: number; height: number; durationS: number; brightness: Set<number> }> {
  await using demuxer = await Demuxer.open(path);
  const stream = demuxer.video()!;
  using decoder = await Decoder.create(stream, { exitOnError: true });
  let frames = 0;
  const brightness = new Set<number>();
  for await (using frame of decoder.frames(demuxer.packets(stream.index))) {
    if (!frame) continue;
    frames++;
    brightness.add(frame.data![0]!.subarray(0, 50_000).reduce((sum, byte) => sum + byte, 0));
  }
  return { frames, width: stream.codecpar.width, height: stream.codecpar.height, durationS: demuxer.duration, brightness };
}

describe('the demo clip', () => {
  let folder: string;
  let count = 0;
  before(async () => { folder = await mkdtemp(join(tmpdir(), 'ruth-test-clip-')); });
  after(() => rm(folder, { recursive: true, force: true }));

  const prepare = async (options: Partial<DemoClipOptions> = {}) => {
    const lines: string[] = [];
    const cacheDirectory = options.cacheDirectory ?? join(folder, `cache-${count++}`);
    const clip = await prepareDemoClip({ log: (line) => lines.push(line), ways: [], ...options, cacheDirectory });
    return { ...clip, lines, cacheDirectory };
  };

  test('is made from photos of an npm package where nothing can be fetched, and only once', async () => {
    const first = await prepare({ ways: [installed([join(folder, 'none')])] });
    assert.match(first.lines[0]!, /not from an installed OpenCV: none is installed/);
    assert.match(first.description, /photos of people from the npm package @vladmandic\/human/);
    const clip = await inspect(first.path);
    assert.deepEqual([clip.width, clip.height, clip.frames], [PHOTO_CLIP.width, PHOTO_CLIP.height, PHOTO_CLIP.durationS * PHOTO_CLIP.framesPerSecond]);
    assert.ok(Math.abs(clip.durationS - PHOTO_CLIP.durationS) < 0.1);
    assert.ok(clip.brightness.size > 100, 'the picture moves');
    assert.ok(await playsAsItIs(first.path));
    const again = await prepare({ cacheDirectory: first.cacheDirectory, ways: [installed([join(folder, 'none')])] });
    assert.equal(again.path, first.path);
    assert.deepEqual(again.lines, [], 'what could not be had a moment ago is not asked for again');
    assert.equal((await readdir(first.cacheDirectory)).length, 1, 'nothing unfinished stays behind');
  });

  describe('fetched', () => {
    let server: Server;
    let origin: string;
    before(async () => {
      server = createServer((request, response) => {
        if (request.url === '/silent') return;
        if (request.url === '/other') response.end('another file');
        else if (request.url === '/cut') response.writeHead(200, { 'content-length': '1000000' }).write('begun', () => response.destroy());
        else response.writeHead(404).end();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    });
    after(() => {
      server.closeAllConnections();
      server.close();
    });

    test('is used only where its sha256 is right; each failure is one line, and the next way is tried', async () => {
      const closed = createServer().listen(0, '127.0.0.1');
      await once(closed, 'listening');
      const deaf = `http://127.0.0.1:${(closed.address() as { port: number }).port}/`;
      closed.close();
      await once(closed, 'close');
      const { lines, description } = await prepare({ ways: ['/missing', '/other', '/cut'].map((path) => fetched(`${origin}${path}`)).concat(fetched(deaf)) });
      const failures = lines.filter((line) => line.startsWith('sample video not from'));
      assert.equal(failures.length, 4);
      assert.match(failures[0]!, /404/);
      assert.match(failures[1]!, /sha256 differs/);
      assert.match(failures[3]!, /ECONNREFUSED/);
      assert.match(description, /photos/);
    });

    test('gives way at once when it is stopped', async () => {
      const stop = new AbortController();
      server.once('request', () => stop.abort());
      await assert.rejects(prepare({ ways: [fetched(`${origin}/silent`)], signal: stop.signal }), { code: 'cancelled' });
    });
  });

  // Where the system has OpenCV's sample, or the developer's cache has.
  const sample = ['/usr/share/doc/opencv-doc/examples/data', fileURLToPath(new URL('../../../../shared/data/video', import.meta.url))].find((directory) => existsSync(join(directory, 'vtest.avi')));
  test('is the pedestrian sample where it is installed, also compressed', { skip: sample ? false : 'needs vtest.avi: apt-get install opencv-doc' }, async () => {
    const compressed = join(folder, 'gz');
    await mkdir(compressed);
    await writeFile(join(compressed, 'vtest.avi.gz'), gzipSync(await readFile(join(sample!, 'vtest.avi'))));
    const { path, description } = await prepare({ ways: [installed([compressed])] });
    assert.match(description, /pedestrians, vtest\.avi/);
    const clip = await inspect(path);
    assert.deepEqual([clip.width, clip.height, clip.frames], [768, 576, 795]);
    assert.ok(await playsAsItIs(path));
  });

  test("is the user's own as it is, where every part can play it", async () => {
    const own = join(folder, 'own.mp4');
    await makePhotoClip(photoStrip(), own, { log: () => undefined });
    const { path, description, lines } = await prepare({ clip: own });
    assert.equal(path, own);
    assert.match(description, /Your clip own\.mp4/);
    assert.deepEqual(lines, []);
  });

  test("is the user's own converted where its pictures are reordered or its keyframes far apart", { skip: withoutShared }, async () => {
    assert.equal(await playsAsItIs(sharedClip), false);
    const { path, cacheDirectory } = await prepare({ clip: sharedClip });
    assert.ok(path.startsWith(cacheDirectory));
    assert.ok(await playsAsItIs(path));
    const [before, after] = [await inspect(sharedClip), await inspect(path)];
    assert.deepEqual([after.width, after.height, after.frames], [before.width, before.height, before.frames]);
  });

  test("refuses the user's own clip where it is missing or no video", async () => {
    await assert.rejects(prepare({ clip: join(folder, 'missing.mp4') }), { code: 'not_found' });
    await assert.rejects(prepare({ clip: fileURLToPath(import.meta.url) }), { code: 'camera_no_video' });
  });

  test('leaves nothing unfinished in the cache when a conversion is stopped', async () => {
    const cacheDirectory = join(folder, 'stopped');
    for (const moment of ['making', 'converted']) {
      const stop = new AbortController();
      const log = (line: string): void => { if (line.startsWith(moment)) stop.abort(); };
      await assert.rejects(prepareDemoClip({ cacheDirectory, ways: [], signal: stop.signal, log }), { code: 'cancelled' });
      assert.deepEqual(await readdir(cacheDirectory), []);
    }
    await assert.rejects(transcode(fileURLToPath(import.meta.url), join(cacheDirectory, 'x'), { log: () => undefined }), { code: 'camera_no_video' });
  });
});
