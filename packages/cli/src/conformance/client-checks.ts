// What clients may do to one another: nothing.
import { type Chapter, pass } from './check.ts';
import { demand } from './demand.ts';
import type { RawConnection } from './raw-connection.ts';
import type { Target } from './target.ts';

const IDLE_CONNECTIONS = 100;
const STALLED_CONNECTIONS = 20;
const ROUNDS = 10;

/** Opens connections, runs, and closes them. */
async function beside(target: Target, count: number, prepare: (connection: RawConnection, index: number) => void, run: () => Promise<void>): Promise<void> {
  const connections: RawConnection[] = [];
  try {
    for (let index = 0; index < count; index++) {
      const connection = await target.open();
      connections.push(connection);
      prepare(connection, index);
    }
    await run();
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
}

async function othersAreServed(target: Target): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await target.look(round % 4);
}

export const clients: Chapter = {
  title: 'Clients beside one another',
  checks: [
    {
      sentence: 'Idle connections cost the others nothing',
      async run(target) {
        await beside(target, IDLE_CONNECTIONS, () => undefined, () => othersAreServed(target));
        return pass(`${ROUNDS} requests beside ${IDLE_CONNECTIONS} idle connections`);
      },
    },
    {
      sentence: 'A client that sends slowly, or stops in the middle, costs the others nothing',
      async run(target) {
        const bytes = target.bytes(target.request());
        const timers: NodeJS.Timeout[] = [];
        try {
          await beside(target, STALLED_CONNECTIONS, (connection, index) => {
            // Half of them stop for good: in the length or in the body. The others send a byte now and then.
            if (index % 2 === 0) return connection.write(bytes.subarray(0, index === 0 ? 2 : index * 5));
            let at = 0;
            timers.push(setInterval(() => connection.write(bytes.subarray(at, ++at)), 20));
          }, () => othersAreServed(target));
        } finally {
          for (const timer of timers) clearInterval(timer);
        }
        return pass(`${ROUNDS} requests beside ${STALLED_CONNECTIONS} slow ones`);
      },
    },
    {
      sentence: 'A client that promises 10 MiB and sends nothing costs the others nothing',
      async run(target) {
        await beside(target, STALLED_CONNECTIONS, (connection) => connection.write(Buffer.of(0, 0xa0, 0, 0, 0x7b)), () => othersAreServed(target));
        return pass(`${ROUNDS} requests beside ${STALLED_CONNECTIONS} such clients`);
      },
    },
    {
      sentence: 'A client that goes away without its answer costs the others nothing',
      async run(target) {
        const bytes = target.bytes(target.request());
        await beside(target, STALLED_CONNECTIONS, (connection, index) => {
          connection.write(bytes.subarray(0, index % 2 === 0 ? bytes.length : bytes.length - 5));
          connection[Symbol.dispose]();
        }, () => othersAreServed(target));
        return pass(`${ROUNDS} requests after ${STALLED_CONNECTIONS} such clients`);
      },
    },
    {
      sentence: 'A client that never takes its answers costs the others nothing',
      async run(target) {
        const bytes = Buffer.concat(Array.from({ length: 2000 }, (_, index) => target.bytes(target.cheapRequest(index))));
        await beside(target, 2, (connection) => {
          connection.pause();
          connection.write(bytes);
        }, () => othersAreServed(target));
        return pass(`${ROUNDS} requests beside 2 clients with 2,000 answers untaken`);
      },
    },
    {
      sentence: 'After all this the container answers as at first',
      async run(target) {
        const [first, last] = [await target.look(), await target.look()];
        demand(JSON.stringify(first.detections) === JSON.stringify(last.detections), 'the same frame was answered in two ways');
        return pass('answered');
      },
    },
  ],
};
