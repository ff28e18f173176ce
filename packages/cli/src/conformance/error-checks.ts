// Each error code that can be brought about from outside.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ringPath, type InferenceErrorCode } from '@ruth/protocol';
import { demandCode, demandSuccess } from './answer-rules.ts';
import { type Chapter, pass, warn } from './check.ts';
import { demand } from './demand.ts';
import type { Target } from './target.ts';

const BURST = 256;
const DEADLINE_ROUNDS = 8;

/** Asks with another frame_reference. */
async function refusedReference(target: Target, reference: string, code: InferenceErrorCode, what = reference): Promise<void> {
  demandCode(await target.ask({ ...target.request(), frame_reference: reference }), code, what);
}

/** Puts something into the ring directory for the time of `run`. */
async function placed(target: Target, name: string, put: (path: string) => void, run: (path: string) => Promise<void>): Promise<void> {
  const path = ringPath(target.cameras.idOf(name), target.ringDirectory);
  put(path);
  try {
    await run(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

export const errors: Chapter = {
  title: 'Errors',
  checks: [
    {
      sentence: 'frame_not_found: no such ring, or not yet such a frame',
      async run(target) {
        await refusedReference(target, ringPath(target.cameras.idOf('none'), target.ringDirectory), 'frame_not_found', 'a ring that does not exist');
        demandCode(await target.ask(target.request(target.ring.framesPublished)), 'frame_not_found', 'a frame that is not published yet');
        demandCode(await target.ask(target.request(2 ** 40)), 'frame_not_found', 'a frame of the far future');
        return pass('both');
      },
    },
    {
      sentence: 'frame_not_found: a ring whose writer has ended',
      async run(target) {
        const ring = target.cameras.create('ended');
        target.cameras.publish(ring, 1);
        await target.look(0, { ring, name: 'ended' });
        const request = target.request(0, { ring, name: 'ended' });
        ring.close();
        demandCode(await target.ask(request), 'frame_not_found', 'a ring that was retired and removed');
        return pass('a ring that was just read, then removed');
      },
    },
    {
      sentence: 'frame_overwritten: the slot has a newer frame',
      async run(target) {
        const ring = target.cameras.create('overwritten', { slotCount: 2 });
        for (let index = 0; index < 5; index++) target.cameras.publish(ring, index);
        for (const frameId of [0, 2]) demandCode(await target.ask(target.request(frameId, { ring, name: 'overwritten' })), 'frame_overwritten', `frame ${frameId} of a ring of 2 that holds 3 and 4`);
        for (const frameId of [3, 4]) await target.look(frameId, { ring, name: 'overwritten' });
        const slot = ring.begin();
        demandCode(await target.ask(target.request(slot.frameId - 2, { ring, name: 'overwritten' })), 'frame_overwritten', 'a frame whose slot is just being written');
        ring.abandon();
        return pass('older ones, and one whose slot is just being written; the two that are there are read');
      },
    },
    {
      sentence: 'frame_unreadable: a reference that leads out of the shared-memory directory',
      async run(target) {
        const { ring, ringDirectory } = target;
        const name = ring.path.slice(ringDirectory.length + 1);
        for (const reference of [
          '/etc/passwd', `${ringDirectory}/../../etc/passwd`, `${ringDirectory}/vas_frames_../../../etc/passwd`, `/etc/vas_frames_x`, name, `./${name}`,
          `${ringDirectory}/..${ringDirectory}/${name}`, `${ring.path}\0`, ringDirectory, `${ringDirectory}/`, `${ringDirectory}/vas_frames_`,
          target.socketPath, dirname(target.socketPath), '/dev/null', '/proc/self/mem',
        ]) await refusedReference(target, reference, 'frame_unreadable', `frame_reference ${JSON.stringify(reference)}`);
        return pass('other directories, "..", relative paths, a NUL, its own socket, devices');
      },
    },
    {
      sentence: 'frame_unreadable: a symlink, even to a good ring',
      async run(target) {
        await placed(target, 'link', (path) => symlinkSync(target.ring.path, path), (path) => refusedReference(target, path, 'frame_unreadable', 'a symlink to a ring'));
        return pass('refused');
      },
    },
    {
      sentence: 'frame_unreadable: no regular file, or no ring',
      async run(target) {
        const cases: [string, (path: string) => void][] = [
          ['a directory', mkdirSync], ['a FIFO', (path) => execFileSync('mkfifo', [path])], ['an empty file', (path) => writeFileSync(path, '')],
          ['a text file', (path) => writeFileSync(path, 'no ring at all')], ['a long file of nothing', (path) => writeFileSync(path, Buffer.alloc(100_000))],
        ];
        for (const [what, put] of cases) await placed(target, 'wrong', put, (path) => refusedReference(target, path, 'frame_unreadable', what));
        return pass(cases.map(([what]) => what).join(', '));
      },
    },
    {
      sentence: 'unsupported_format: pixels that the container cannot read',
      async run(target) {
        const request = target.request();
        const answer = await target.ask({ ...request, frame_metadata: { ...request.frame_metadata, format: 'RGB24' } });
        demandCode(answer, 'unsupported_format', 'a frame said to be RGB24');
        return pass(answer.error!);
      },
    },
    {
      sentence: 'deadline_exceeded: the answer could not be given in time',
      async run(target) {
        const ring = target.cameras.create('large', { width: 1920, height: 1080, slotCount: 1 });
        target.cameras.publish(ring, 3);
        const options = { ring, name: 'large' };
        await target.look(0, { ...options, config: { deadline_ms: 600_000 } });
        for (let round = 1; round <= DEADLINE_ROUNDS; round++) {
          // Behind others that have no deadline, more of them each time.
          const busy = Array.from({ length: 2 * round }, () => target.ask(target.request(0, options)));
          const hurried = Array.from({ length: 2 }, () => target.ask(target.request(0, { ...options, config: { deadline_ms: 0.001 } })));
          await Promise.all([...busy, ...hurried]);
          const late = (await Promise.all(hurried)).find((answer) => answer.error_code === 'deadline_exceeded');
          if (late) return pass(late.error!);
        }
        return warn(`a deadline of a microsecond was kept ${2 * DEADLINE_ROUNDS} times: is it looked at?`);
      },
    },
    {
      sentence: 'overloaded: more requests than capacity are refused, the others answered',
      async run(target) {
        const ring = target.cameras.create('large', { width: 1920, height: 1080, slotCount: 1 });
        target.cameras.publish(ring, 3);
        const request = target.request(0, { ring, name: 'large' });
        const connections = await Promise.all(Array.from({ length: BURST }, () => target.open()));
        const bytes = target.bytes(request);
        let refused = 0;
        try {
          for (const connection of connections) connection.write(bytes);
          for (const connection of connections) {
            const answer = await target.answerTo(request, connection);
            if (answer.error_code === 'overloaded') refused++;
            else demandSuccess(answer, 'one of many requests at once');
          }
        } finally {
          for (const connection of connections) connection[Symbol.dispose]();
        }
        demand(refused < BURST, `all of ${BURST} requests at once were refused`);
        await target.look();
        return refused > 0 ? pass(`of ${BURST} at once ${BURST - refused} were answered, ${refused} refused`) : warn(`${BURST} at once were all answered: is the queue bounded?`);
      },
    },
  ],
};
