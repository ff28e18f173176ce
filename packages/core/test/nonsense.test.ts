// A container that answers whatever it likes, over a real socket: nothing of it reaches another camera, and nothing ends core.
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { modelSocketPath, type InferRequest } from '@ruth/protocol';
import { encodeMessage, MessageDecoder } from '@ruth/transport';
import { answerTo, person } from './mock-endpoint.ts';
import { startCore, until } from './running-core.ts';
import { Place, publish, ringOf, StandInKernel } from './stand-ins.ts';

const DEADLINE_MS = 150;

/** A detection that says of which camera and frame it is. */
const of = ({ camera_id, frame_metadata }: InferRequest) => [{ ...person(0.1), class_name: `${camera_id} ${frame_metadata.frame_id}` }];
const raw = (text: string): Buffer => {
  const body = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
};

/** What is answered to a request; the socket is there for worse. */
const ANSWERS: Record<string, (request: InferRequest, socket: Socket) => Buffer | null> = {
  'the truth': (request) => encodeMessage(answerTo(request, of(request))),
  'another camera': (request) => encodeMessage({ ...answerTo(request, of(request)), camera_id: request.camera_id === 'front' ? 'back' : 'front' }),
  'another frame': (request) => encodeMessage({ ...answerTo(request, of(request)), frame_id: request.frame_metadata.frame_id + 1 }),
  'a box of NaN': (request) => raw(JSON.stringify(answerTo(request, of(request))).replace('0.1', 'NaN')),
  'a box of null': (request) => encodeMessage({ ...answerTo(request), detections: [{ ...person(0.1), bbox: [null, null, null, null] }] }),
  'a hundred thousand detections': (request) => raw(JSON.stringify(answerTo(request)).replace('[]', `[${Array.from({ length: 100_000 }, () => '{}').join(',')}]`)),
  'a million detections, too long to be sent': () => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(200_000_000);
    return Buffer.concat([length, Buffer.alloc(64 * 1024, '{')]);
  },
  'no JSON': () => raw('{"detections":'),
  'an empty message': () => Buffer.alloc(4),
  'two answers': (request) => Buffer.concat([encodeMessage(answerTo(request, of(request))), encodeMessage(answerTo(request, of(request)))]),
  'the end': (_request, socket) => (socket.destroy(), null),
  // On the connection that has been given up by then.
  'the truth, too late': (request, socket) => {
    setTimeout(() => socket.write(encodeMessage(answerTo(request, of(request)))), 3 * DEADLINE_MS).unref();
    return null;
  },
};

test('whatever a container answers is judged: the truth is told of the right camera and frame, all else is a counted drop', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  const kinds = Object.keys(ANSWERS);
  const given = new Map<string, number>();
  let requests = 0;
  const sockets = new Set<Socket>();
  const container = createServer((socket) => {
    const decoder = new MessageDecoder();
    sockets.add(socket);
    socket.on('error', () => undefined).on('data', (chunk) => {
      decoder.push(chunk);
      for (let next = decoder.next(); next.status !== 'incomplete'; next = decoder.next()) {
        const request = next.value as InferRequest;
        if (request.type !== undefined) {
          socket.write(encodeMessage({ error: 'an older container' }));
          continue;
        }
        // Every other time the truth, or the circuit opens.
        const kind = requests++ % 2 === 0 ? kinds[0]! : kinds[1 + (requests >> 1) % (kinds.length - 1)]!;
        given.set(kind, (given.get(kind) ?? 0) + 1);
        const answer = ANSWERS[kind]!(request, socket);
        if (answer) socket.write(answer);
      }
    });
  });
  await new Promise<void>((resolve) => container.listen(modelSocketPath('finder', place.socketDirectory), resolve));
  const wrong: string[] = [];
  {
    await using running = await startCore(place, {
      cameras: [{ id: 'front' }, { id: 'back' }] as never,
      subscriptions: ['front', 'back'].map((camera) => ({ camera, model: 'finder', desired_fps: 25, active: true, config: { deadline_ms: DEADLINE_MS } })),
    });
    const { core } = running;
    using front = ringOf(place, 'front', { slotCount: 8 });
    using back = ringOf(place, 'back', { slotCount: 8 });
    await kernel.until(() => kernel.leases.size === 2);
    let lastId = core.events.newestId;
    const read = (): void => {
      for (let event = core.events.after(lastId); event; event = core.events.after(lastId)) {
        lastId = event.id;
        const { look } = JSON.parse(event.text) as { look?: { camera_id: string; frame_id: number; detections: { class_name: string }[] } };
        for (const { class_name } of look?.detections ?? []) if (class_name !== `${look!.camera_id} ${look!.frame_id}`) wrong.push(`${look!.camera_id} ${look!.frame_id}: ${class_name}`);
      }
    };
    let ptsUs = 0;
    const publishing = setInterval(() => {
      for (const ring of [front, back]) publish(ring, ptsUs += 40_000);
      read();
    }, 40);
    try {
      await until(() => kinds.every((kind) => (given.get(kind) ?? 0) >= 3), 'each kind of answer was given');
    } finally {
      clearInterval(publishing);
    }
    await until(() => core.models()[0]!.dispatch!.in_flight === 0, 'nothing is in flight');
    read();
    assert.deepEqual(wrong, []);
    const statuses = core.subscriptions();
    const sum = (count: (status: (typeof statuses)[number]) => number): number => statuses.reduce((total, status) => total + count(status), 0);
    for (const { due, sent, drops } of statuses) assert.equal(due, sent + Object.values(drops).reduce((total, count) => total + count, 0));
    assert.ok(sum(({ answered }) => answered) > 0 && sum(({ answered }) => answered) <= given.get('the truth')!, 'nothing but the truth is an answer');
    assert.ok(sum(({ drops }) => drops.error!) > 0 && sum(({ drops }) => drops.deadline!) > 0);
    assert.ok(statuses.some(({ last_error }) => last_error !== null), 'it is shown');
  }
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => container.close(resolve));
});
