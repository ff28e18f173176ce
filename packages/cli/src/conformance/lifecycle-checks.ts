// The socket, what the container says of itself, and its end.
import { lstatSync } from 'node:fs';
import { basename } from 'node:path';
import { DescribeResponse, HealthResponse, MODEL_SOCKET_PREFIX, modelIdOfSocket, validator } from '@ruth/protocol';
import { demandSuccess } from './answer-rules.ts';
import { type Chapter, type Outcome, pass, skip, warn } from './check.ts';
import { demand, shown } from './demand.ts';
import { leaveStaleSocket, processEnd, socketServes, startContainer } from './container-process.ts';
import type { Target } from './target.ts';

const IN_FLIGHT = 8;

async function rawAnswer(target: Target, request: unknown): Promise<unknown> {
  using connection = await target.open();
  connection.send(request);
  return await connection.answer();
}

const isErrorAnswer = (answer: unknown): boolean => typeof (answer as { error?: unknown } | null)?.error === 'string';

/** A container that knows neither `describe` nor `health` is usable. */
async function usableWithout(target: Target, what: string): Promise<Outcome> {
  await target.look();
  return warn(`${what} is answered with an error; the container is usable for infer`);
}

export const introduction: Chapter = {
  title: 'Socket and self-description',
  checks: [
    {
      sentence: 'The socket is named vas_model_, the model\'s id, .sock; it is a stream socket of mode 0600',
      async run({ socketPath, modelId }) {
        const stats = lstatSync(socketPath);
        demand(stats.isSocket(), `${socketPath} is no socket`);
        const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
        demand(mode === '0600', `its mode is ${mode}`);
        const named = modelIdOfSocket(basename(socketPath));
        demand(named === modelId, `${basename(socketPath)} serves the model ${modelId}; its name must be ${MODEL_SOCKET_PREFIX}${modelId}.sock`);
        return pass(`${basename(socketPath)}, ${mode}`);
      },
    },
    {
      sentence: 'describe answers tasks, classes, input shape, device, versions, limits',
      async run(target) {
        const answer = await rawAnswer(target, { type: 'describe' });
        if (isErrorAnswer(answer)) return usableWithout(target, 'describe');
        const description = validator(DescribeResponse).parse(answer);
        demand(description.model_id === target.modelId, `it describes ${description.model_id}`);
        demand(description.limits.max_concurrency >= 1 && description.limits.max_batch >= 1, `its limits are ${shown(description.limits)}`);
        const { detections } = await target.look(2, { config: { confidence_threshold: 0.02 } });
        const other = detections.find((detection) => description.classes.length > 0 && description.classes[detection.class_id] !== detection.class_name);
        demand(other === undefined, `class ${other?.class_id} is ${shown(other?.class_name)} in an answer, ${shown(description.classes[other?.class_id ?? 0])} in describe`);
        const short = detections.find(({ keypoints }) => keypoints !== undefined && keypoints.length !== description.keypoint_names.length);
        demand(short === undefined, `an answer has ${short?.keypoints?.length} keypoints, describe names ${description.keypoint_names.length}`);
        return pass(`${description.model_name} ${description.model_version} on ${description.device}, ${description.classes.length} classes`);
      },
    },
    {
      sentence: 'health answers starting, ready, degraded or stopping, age of the last canary, counters',
      async run(target) {
        const answer = await rawAnswer(target, { type: 'health' });
        if (isErrorAnswer(answer)) return usableWithout(target, 'health');
        const health = validator(HealthResponse).parse(answer);
        demand(health.model_id === target.modelId, `it is the health of ${health.model_id}`);
        demand(health.status !== 'ready' || health.last_canary_age_ms !== null, 'it is ready without ever having had a canary');
        return health.status === 'ready' ? pass(`ready, canary ${Math.round(health.last_canary_age_ms!)} ms ago`) : warn(`it is ${health.status}`);
      },
    },
  ],
};

export const ending: Chapter = {
  title: 'The end',
  checks: [
    {
      sentence: 'A live socket is never taken over: who comes second ends with a clear error',
      async run(target) {
        const { command, socketPath, limitMs } = target;
        if (command === undefined) return skip('give the command that starts the container with --command');
        const { ino } = lstatSync(socketPath);
        await using second = startContainer(command);
        demand(await second.ended(limitMs), `a second container had not ended after ${limitMs} ms`);
        demand(second.exitCode !== 0, 'a second container ended as if all were well');
        demand(lstatSync(socketPath, { throwIfNoEntry: false })?.ino === ino, 'the socket of the first was replaced');
        await target.look();
        const said = second.output.trim();
        demand(said !== '', 'a second container ended without a word');
        return target.pid !== undefined && said.includes(String(target.pid)) ? pass(`the second ended and named process ${target.pid}`) : warn(`the second ended, but did not name the owner: ${said}`);
      },
    },
    {
      sentence: 'A graceful stop: requests in flight have their answers, then the socket is removed',
      async run(target) {
        const { pid, limitMs } = target;
        if (pid === undefined) return skip('give the command with --command, or the process id with --pid; it is then stopped');
        const ring = target.cameras.create('large', { width: 1920, height: 1080, slotCount: 1 });
        target.cameras.publish(ring, 3);
        const request = target.request(0, { ring, name: 'large' });
        const connections = await Promise.all(Array.from({ length: IN_FLIGHT }, () => target.open()));
        let refused = 0;
        try {
          const answers = connections.map((connection) => {
            connection.send(request);
            return target.answerTo(request, connection);
          });
          // When the first has its answer, the others were taken in.
          demandSuccess(await Promise.race(answers), 'a request before the stop');
          process.kill(pid, 'SIGTERM');
          for (const answer of await Promise.all(answers)) {
            if (answer.error_code === 'shutting_down') refused++;
            else demandSuccess(answer, 'a request in flight at the stop');
          }
        } finally {
          for (const connection of connections) connection[Symbol.dispose]();
        }
        demand(await processEnd(pid, limitMs), `process ${pid} was still there ${limitMs} ms after SIGTERM`);
        demand(lstatSync(target.socketPath, { throwIfNoEntry: false }) === undefined, 'the socket is still there');
        return pass(`${IN_FLIGHT - refused} answered${refused > 0 ? `, ${refused} told "shutting_down"` : ''}; process and socket are gone`);
      },
    },
    {
      sentence: 'A stale socket is removed at start',
      async run(target) {
        const { command, socketPath, limitMs } = target;
        if (command === undefined) return skip('give the command that starts the container with --command');
        await leaveStaleSocket(socketPath);
        await using again = startContainer(command);
        // Loading a model takes longer than an answer.
        const startLimitMs = 4 * limitMs;
        demand(await socketServes(socketPath, startLimitMs), `no container served at the path of a stale socket within ${startLimitMs} ms: ${again.output}`);
        await target.look();
        return pass('started beside a socket that nobody listened on, and served');
      },
    },
  ],
};
