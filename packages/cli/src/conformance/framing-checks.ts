// Bytes on the socket: lengths, splits, many requests on a connection and many connections.
import { setTimeout as delay } from 'node:timers/promises';
import { MAX_MESSAGE_BYTES, type InferResponse } from '@ruth/protocol';
import { demandCode, demandSuccess } from './answer-rules.ts';
import { type Chapter, pass, warn } from './check.ts';
import { demand } from './demand.ts';
import type { Target } from './target.ts';

/** Long enough for the other side to read what was sent so far by itself. */
const SPLIT_PAUSE_MS = 1;

function prefix(lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(lengthBytes);
  return bytes;
}

/** A length that is not allowed: an error response, then the close. */
async function refusedLength(target: Target, lengthBytes: number): Promise<InferResponse> {
  using connection = await target.open();
  connection.write(prefix(lengthBytes));
  const answer = await target.answerTo(null, connection);
  demandCode(answer, 'bad_request', `a length of ${lengthBytes} bytes`);
  await connection.closed();
  return answer;
}

export const framing: Chapter = {
  title: 'Framing',
  checks: [
    {
      sentence: 'A message is a 4-byte big-endian length and UTF-8 JSON, wherever the bytes are split',
      async run(target) {
        using connection = await target.open();
        const whole = target.bytes(target.cheapRequest(0)).length;
        for (let at = 1; at < whole; at++) {
          const request = target.cheapRequest(at);
          const bytes = target.bytes(request);
          connection.write(bytes.subarray(0, at));
          await delay(SPLIT_PAUSE_MS);
          connection.write(bytes.subarray(at));
          demandCode(await target.answerTo(request, connection), 'frame_not_found', `a request split after byte ${at}`);
        }
        return pass(`${whole - 1} requests, each split at another byte`);
      },
    },
    {
      sentence: 'A message that comes byte by byte is one message',
      async run(target) {
        using connection = await target.open();
        const request = target.request();
        for (const byte of target.bytes(request)) {
          connection.write(Uint8Array.of(byte));
          await delay(SPLIT_PAUSE_MS);
        }
        demandSuccess(await target.answerTo(request, connection), 'the request');
        return pass('answered');
      },
    },
    {
      sentence: 'The length counts bytes, not characters',
      async run(target) {
        await target.look(2, { config: { note: 'Grüße, 日本, 🚦' } });
        return pass('a request with text beyond ASCII was answered');
      },
    },
    {
      sentence: 'A message has at most 10 MiB: one of exactly 10 MiB is taken',
      async run(target) {
        using connection = await target.open();
        const request = target.request();
        const body = Buffer.alloc(MAX_MESSAGE_BYTES, ' ');
        body.write(JSON.stringify(request));
        connection.write(prefix(body.length));
        connection.write(body);
        demandSuccess(await target.answerTo(request, connection), 'a request of exactly 10 MiB');
        return pass('answered');
      },
    },
    {
      sentence: 'A zero length gets an error response, then the connection closes',
      async run(target) {
        return pass((await refusedLength(target, 0)).error!);
      },
    },
    {
      sentence: 'An over-long length gets an error response, then the connection closes',
      async run(target) {
        for (const lengthBytes of [MAX_MESSAGE_BYTES + 1, 2 ** 31, 2 ** 32 - 1]) await refusedLength(target, lengthBytes);
        return pass('10 MiB and a byte, 2 GiB and 4 GiB were refused before their bytes came');
      },
    },
    {
      sentence: 'The server answers any number of requests on one connection',
      async run(target) {
        using connection = await target.open();
        for (let index = 0; index < 50; index++) demandSuccess(await target.ask(target.request(index % 4), connection), `request ${index + 1}`);
        return pass('50 requests');
      },
    },
    {
      sentence: 'A client may connect per request and close',
      async run(target) {
        for (let index = 0; index < 20; index++) await target.look(index % 4);
        using connection = await target.open();
        const request = target.request();
        connection.send(request);
        connection.end();
        const answer = await target.answerTo(request, connection).catch((cause: Error) => cause);
        if (answer instanceof Error) return warn(`20 were answered, but a client that shuts its sending half gets no answer: ${answer.message}`);
        await connection.closed();
        return pass('20 connections of one request, and one whose sending half was shut at once');
      },
    },
    {
      sentence: 'Requests on one connection are answered one at a time, in their order',
      async run(target) {
        using connection = await target.open();
        const requests = [2, 0, 1, 3, 2, 99, 1].map((frameId) => target.request(frameId));
        connection.write(Buffer.concat(requests.map((request) => target.bytes(request))));
        for (const request of requests) {
          const answer = await target.answerTo(request, connection);
          if (request.frame_metadata.frame_id === 99) demandCode(answer, 'frame_not_found', 'a frame that is not there, between others,');
          else demandSuccess(answer, `frame ${request.frame_metadata.frame_id} of several sent at once`);
        }
        return pass(`${requests.length} requests sent in one piece`);
      },
    },
    {
      sentence: 'Any number of connections at once',
      async run(target) {
        let refused = 0;
        await Promise.all(Array.from({ length: 32 }, async (_, client) => {
          using connection = await target.open();
          for (let index = 0; index < 3; index++) {
            const request = { ...target.request(index), camera_id: `${target.cameras.idOf('client')}-${client}` };
            const answer = await target.ask(request, connection);
            if (answer.error_code === 'overloaded') refused++;
            else demandSuccess(answer, `request ${index + 1} of client ${client + 1} of 32`);
          }
        }));
        demand(refused < 96, 'all requests of 32 clients were refused as overloaded');
        return pass(`32 connections of 3 requests; each got its own answers${refused > 0 ? `, ${refused} of them "overloaded"` : ''}`);
      },
    },
  ],
};
