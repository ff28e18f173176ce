// Frames and detections: read-only, nothing carried between requests, never a frame that was torn.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { type Detection, type InferResponse } from '@ruth/protocol';
import { demandSuccess } from './answer-rules.ts';
import { type Chapter, pass, skip, warn } from './check.ts';
import { demand, shown } from './demand.ts';
import { PICTURE_COUNT } from './pictures.ts';
import type { Target } from './target.ts';

const OVERTAKEN_REQUESTS = 60;

const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const sameDetections = (a: readonly Detection[], b: readonly Detection[]): boolean => JSON.stringify(a) === JSON.stringify(b);

async function everyPicture(target: Target, threshold?: number): Promise<InferResponse[]> {
  const config = { confidence_threshold: threshold ?? await target.lowThreshold() };
  const answers: InferResponse[] = [];
  for (let frameId = 0; frameId < PICTURE_COUNT; frameId++) answers.push(await target.look(frameId, { config }));
  return answers;
}

export const frames: Chapter = {
  title: 'Frames',
  checks: [
    {
      sentence: 'bbox is [x_min, y_min, x_max, y_max], 0..1 of the whole frame; track_id is null',
      async run(target) {
        const answers = await everyPicture(target, 0.001);
        const count = answers.reduce((sum, answer) => sum + answer.detections.length, 0);
        return count > 0 ? pass(`${count} detections`) : skip('the model saw nothing in the kit\'s pictures');
      },
    },
    {
      sentence: 'A model sees the frame it is asked about: different pictures, different answers',
      async run(target) {
        const [nothing, ...others] = (await everyPicture(target)).map((answer) => answer.detections);
        if (others.every((other) => other.length === 0)) return skip('the model saw nothing in the kit\'s pictures');
        const differ = others.some((other) => !sameDetections(other, nothing!));
        return differ ? pass('the empty picture is answered otherwise than the others') : warn('every picture has the same detections');
      },
    },
    {
      sentence: 'No state between requests: the same frame gives the same answer',
      async run(target) {
        const [first, second] = [await everyPicture(target), (await everyPicture(target)).map((answer) => answer.detections)];
        for (const [frameId, answer] of first.entries()) demand(sameDetections(answer.detections, second[frameId]!), `frame ${frameId} was answered otherwise the second time`);
        return pass(`${PICTURE_COUNT} frames, twice`);
      },
    },
    {
      sentence: 'No state per camera: frames of other cameras in between change nothing',
      async run(target) {
        const alone = await everyPicture(target);
        const config = { confidence_threshold: await target.lowThreshold() };
        const other = target.cameras.create('b', { width: 320, height: 240 });
        for (let picture = 0; picture < 4; picture++) target.cameras.publish(other, picture + 2);
        for (const [frameId, before] of alone.entries()) {
          const [, between] = await Promise.all([target.look(3 - frameId, { ring: other, name: 'b', config }), target.look(frameId, { config })]);
          demand(sameDetections(between.detections, before.detections), `frame ${frameId} was answered otherwise beside another camera's`);
        }
        // The same pixels in the name of another camera are the same detections.
        const renamed = await target.ask({ ...target.request(2, { config }), camera_id: target.cameras.idOf('c') });
        demandSuccess(renamed, 'a frame in the name of another camera');
        demand(sameDetections(renamed.detections, alone[2]!.detections), 'the camera\'s name changed the detections');
        return pass('one at a time and at once');
      },
    },
    {
      sentence: 'Readers map read-only: the ring\'s bytes are unchanged',
      async run(target) {
        const before = digest(target.ring.path);
        await Promise.all([everyPicture(target), everyPicture(target)]);
        demand(digest(target.ring.path) === before, 'the ring file has other bytes after it was looked at');
        if (target.pid === undefined) return pass('same sha256 before and after');
        const maps = `/proc/${target.pid}/maps`;
        const writable = existsSync(maps) ? readFileSync(maps, 'utf8').split('\n').filter((line) => line.includes('vas_frames_') && line.split(' ')[1]?.includes('w')) : [];
        demand(writable.length === 0, `the process has a ring mapped for writing: ${writable[0]}`);
        return pass('same sha256 before and after; no ring is mapped for writing');
      },
    },
    {
      sentence: 'A request that carries only path and frame_id is served; one frame is found among many',
      async run(target) {
        const ring = target.cameras.create('many', { width: 64, height: 48, slotCount: 7 });
        for (let index = 0; index < 20; index++) target.cameras.publish(ring, index);
        for (let frameId = 13; frameId < 20; frameId++) {
          const { frame_metadata: _, ...request } = target.request(frameId, { ring, name: 'many' });
          demandSuccess(await target.ask({ ...request, frame_metadata: { frame_id: frameId } }), `frame ${frameId} of 20 in a ring of 7`);
        }
        return pass('each of the newest 7 of 20');
      },
    },
    {
      sentence: 'A change of resolution makes a new generation: readers notice and never read across',
      async run(target) {
        for (const [width, height] of [[640, 360], [320, 240], [1280, 720], [322, 182]] as const) {
          const ring = target.cameras.create('resized', { width, height, slotCount: 2 });
          target.cameras.publish(ring, 2);
          await target.look(0, { ring, name: 'resized' });
        }
        return pass('four sizes of one camera, one after the other');
      },
    },
    {
      sentence: 'NV12 first; I420 where it saves a conversion',
      async run(target) {
        const ring = target.cameras.create('i420', { format: 'I420' });
        target.cameras.publish(ring, 2);
        const answer = await target.ask(target.request(0, { ring, name: 'i420' }));
        if (answer.error_code === 'unsupported_format') return warn('NV12 is read, I420 is not');
        demandSuccess(answer, 'an I420 frame');
        return pass('both are read');
      },
    },
    {
      sentence: 'A torn frame is never used: frame_overwritten, or the answer of the whole frame',
      async run(target) {
        const ring = target.cameras.create('fast', { width: 1280, height: 720, slotCount: 1 });
        const options = { ring, name: 'fast', config: { confidence_threshold: await target.lowThreshold() } };
        const whole: string[] = [];
        // Even frames show one picture, odd frames another.
        const publish = (): number => target.cameras.publish(ring, ring.framesPublished % 2 === 0 ? 1 : 3);
        for (let picture = 0; picture < 2; picture++) whole.push(JSON.stringify((await target.look(publish(), options)).detections));
        using connection = await target.open();
        let overwritten = 0;
        for (let index = 0; index < OVERTAKEN_REQUESTS; index++) {
          const request = target.request(ring.framesPublished - 1, options);
          let answered = false;
          const asked = target.ask(request, connection).finally(() => { answered = true; });
          asked.catch(() => undefined); // thrown where it is awaited, below
          // The writer goes on as fast as it can; the frame asked for may be gone before, while, or after it is read.
          for (let burst = 0; !answered && burst < index % 5; burst++) {
            await new Promise(setImmediate);
            publish();
          }
          const answer = await asked;
          if (answer.error_code === 'frame_overwritten') overwritten++;
          else {
            demandSuccess(answer, 'the newest frame of a ring that is written fast');
            const frameId = request.frame_metadata.frame_id;
            demand(JSON.stringify(answer.detections) === whole[frameId % 2], `frame ${frameId} was overwritten while it was read, and was answered with ${shown(answer.detections)}`);
          }
        }
        return pass(`of ${OVERTAKEN_REQUESTS} frames ${overwritten} were refused as overwritten, the others answered as when nobody writes`);
      },
    },
  ],
};
