// What a request says, and how wrong ones are answered.
import { type InferResponse } from '@ruth/protocol';
import { demandCode, demandSuccess } from './answer-rules.ts';
import { type Chapter, pass, warn } from './check.ts';
import { demand, shown } from './demand.ts';
import type { Target } from './target.ts';

/** Sends a body that need not be JSON, then a right request on the same connection. */
async function refusedBody(target: Target, body: Buffer, what: string): Promise<{ answer: InferResponse; goesOn: boolean }> {
  using connection = await target.open();
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(body.length);
  connection.write(Buffer.concat([prefix, body]));
  const answer = await target.answerTo(null, connection);
  demandCode(answer, 'bad_request', what);
  const goesOn = await target.ask(target.request(), connection).then((next) => next.error === null, () => false);
  return { answer, goesOn };
}

const WITHOUT = Symbol('left out');

/** Field by path, and values that it must not have. */
const WRONG: readonly (readonly [path: string, ...values: unknown[]])[] = [
  ['type', 'train', 7],
  ['frame_reference', WITHOUT, 7, null],
  ['frame_metadata', WITHOUT, 'frame', null, []],
  ['frame_metadata.frame_id', WITHOUT, '2', -1, 1.5, null],
  ['frame_metadata.width', '640'],
  ['frame_metadata.format', 12],
  ['camera_id', WITHOUT, 7, '', '../camera'],
  ['model_id', WITHOUT, 7, null],
  ['timestamp', 'now'],
  ['config', 'none', [1]],
  ['config.confidence_threshold', '0.5', 1.5, -0.1],
  ['config.iou_threshold', '0.5', 2],
  ['config.classes', 'person', [1]],
  ['config.max_detections', 0, 2.5, '3'],
  ['config.roi', [0, 0, 1], 'all', [0, 0, 2, 2]],
  ['config.deadline_ms', -5, 'soon'],
];

function changed(request: Record<string, unknown>, path: string, value: unknown): Record<string, unknown> {
  const [key, inner] = path.split('.') as [string, string?];
  const next = inner === undefined ? value : changed((request[key] ?? {}) as Record<string, unknown>, inner, value);
  const { [key]: _, ...rest } = request;
  return next === WITHOUT ? rest : { ...rest, [key]: next };
}

export const requests: Chapter = {
  title: 'Requests',
  checks: [
    {
      sentence: 'Malformed JSON gets an error response, never a silent close',
      async run(target) {
        const whole = Buffer.from(JSON.stringify(target.request()));
        const deep = Buffer.concat([Buffer.alloc(100_000, '['), Buffer.alloc(100_000, ']')]);
        const bodies: [string, Buffer][] = [
          ['text that is no JSON', Buffer.from('not json')], ['half a request', whole.subarray(0, whole.length / 2)], ['a request and more', Buffer.concat([whole, whole])],
          ['bytes that are no UTF-8', Buffer.concat([Buffer.from('{"type":"'), Buffer.of(0xff, 0xfe), Buffer.from('"}')])],
          ['lists 100,000 deep', deep], ...['type', 'frame_reference', 'config'].map((key): [string, Buffer] => [`${key} of lists 100,000 deep`, Buffer.concat([Buffer.from(`{"${key}":`), deep, Buffer.from('}')])]),
        ];
        let closed = 0;
        for (const [what, body] of bodies) if (!(await refusedBody(target, body, what)).goesOn) closed++;
        const seen = `${bodies.length} kinds refused`;
        return closed === 0 ? pass(`${seen}; the connections went on`) : warn(`${seen}; ${closed} of the connections answered no more after it`);
      },
    },
    {
      sentence: 'JSON that is no object gets an error response',
      async run(target) {
        for (const text of ['[]', '7', '"infer"', 'null', 'true']) await refusedBody(target, Buffer.from(text), text);
        return pass('a list, a number, a text, null and true were refused');
      },
    },
    {
      sentence: 'Fields of the wrong type get an error response, bad_request',
      async run(target) {
        using connection = await target.open();
        let count = 0;
        for (const [path, ...values] of WRONG) {
          for (const value of values) {
            const request = changed({ ...target.request() }, path, value);
            connection.send(request);
            // What is echoed of a wrong request is the container's affair.
            const answer = await target.answerTo(null, connection);
            demandCode(answer, 'bad_request', value === WITHOUT ? `a request without ${path}` : `${path} ${shown(value)}`);
            count++;
          }
        }
        return pass(`${count} wrong fields refused, all on one connection`);
      },
    },
    {
      sentence: 'A wrong model_id gets an error response, wrong_model',
      async run(target) {
        const answer = await target.ask({ ...target.request(), model_id: 'no-such-model' });
        demandCode(answer, 'wrong_model', 'a request for another model');
        return pass(answer.error!);
      },
    },
    {
      sentence: 'type is absent or "infer"; timestamp and config are optional',
      async run(target) {
        const { frame_reference, frame_metadata: { frame_id }, camera_id, model_id } = target.request();
        const least = { frame_reference, frame_metadata: { frame_id }, camera_id, model_id };
        const [plain, typed, full] = [await target.ask(least), await target.ask({ ...least, type: 'infer' }), await target.look()];
        demandSuccess(plain, 'a request of path, frame id, camera and model alone');
        demandSuccess(typed, 'the same with "type": "infer"');
        demand(shown(plain.detections) === shown(full.detections), 'the shortest request and the full one have different detections');
        return pass('the shortest request is answered as the full one');
      },
    },
    {
      sentence: 'Unknown keys in config and frame_metadata are allowed and ignored',
      async run(target) {
        const plain = await target.look();
        const request = target.request(2, { config: { zoom: 3, note: { by: 'conformance' } } });
        const answer = await target.ask({ ...request, frame_metadata: { ...request.frame_metadata, lens: 'wide', rotation: [1, 2] } });
        demandSuccess(answer, 'a request with unknown keys');
        demand(JSON.stringify(answer.detections) === JSON.stringify(plain.detections), 'unknown keys changed the detections');
        return pass('same answer as without them');
      },
    },
    {
      sentence: 'The response echoes model_id, camera_id and frame_id',
      async run(target) {
        const other = target.cameras.idOf('echo.1_2-3');
        for (const frameId of [0, 3]) {
          const request = { ...target.request(frameId), camera_id: other };
          demandSuccess(await target.ask(request), 'a request in the name of another camera');
        }
        const failed = await target.ask({ ...target.request(4711), camera_id: other });
        return failed.camera_id === null || failed.frame_id === null ? warn('answers do; an error answer to a well-formed request does not') : pass('answers and errors do');
      },
    },
  ],
};
