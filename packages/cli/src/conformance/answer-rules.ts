// What every answer to an `infer` request must be, whatever the request: checked for each answer that any check gets.
import { INFERENCE_ERROR_CODES, InferResponse, validator, type InferenceErrorCode } from '@ruth/protocol';
import { demand, shown } from './demand.ts';

const response = validator(InferResponse);

/** The answer as what the contract says it is. Throws where it is not. `request` is what was asked, if it was an object. */
export function checkedAnswer(answer: unknown, request: Record<string, unknown> | null, modelId: string): InferResponse {
  const [violation] = response.violations(answer);
  demand(violation === undefined, `the answer's ${violation?.pointer.slice(1).replaceAll('/', '.') || 'message'} ${violation?.message}: ${shown(answer)}`);
  const said = answer as InferResponse;
  demand(said.model_id === modelId, `the answer's model_id is ${shown(said.model_id)}, not ${shown(modelId)}`);
  if (said.error === null) checkSuccess(said);
  else checkFailure(said);
  if (request !== null) checkEcho(said, request);
  return said;
}

function checkSuccess(said: InferResponse): void {
  demand(said.error_code === undefined, `error is null, but error_code is ${shown(said.error_code)}`);
  demand(said.metadata.inference_time_ms !== undefined, 'metadata.inference_time_ms is missing');
  for (const { bbox: [xMin, yMin, xMax, yMax], track_id: trackId, keypoints } of said.detections) {
    demand(xMin <= xMax && yMin <= yMax, `a bbox ends before it begins: ${shown([xMin, yMin, xMax, yMax])}`);
    demand(trackId === undefined || trackId === null, `track_id is ${shown(trackId)}: tracking belongs to the core`);
    // A joint may lie a little outside the picture, but is no number of pixels.
    for (const [x, y] of keypoints ?? []) demand(Math.abs(x) <= 4 && Math.abs(y) <= 4, `a keypoint is not normalised: ${shown([x, y])}`);
  }
}

function checkFailure(said: InferResponse): void {
  demand(said.detections.length === 0, `an error comes with ${said.detections.length} detections; it must come with none`);
  demand(said.error!.trim() !== '', 'error is empty; it must be a sentence for a person');
  demand(said.error_code !== undefined, `error_code is missing; it must be one of ${INFERENCE_ERROR_CODES.join(', ')}`);
}

function checkEcho(said: InferResponse, request: Record<string, unknown>): void {
  const frameId = (request.frame_metadata as Record<string, unknown> | undefined)?.frame_id;
  const mayBeNull = said.error !== null;
  for (const [key, got, wanted] of [['camera_id', said.camera_id, request.camera_id], ['frame_id', said.frame_id, frameId]] as const) {
    demand(got === wanted || (mayBeNull && got === null), `the answer's ${key} is ${shown(got)}; the request's was ${shown(wanted)}`);
  }
}

/** That the answer is an error of that code. */
export function demandCode(answer: InferResponse, code: InferenceErrorCode, what: string): void {
  demand(answer.error_code === code, answer.error === null
    ? `${what} was answered with ${answer.detections.length} detections and no error; ${code} was due`
    : `${what} was answered ${answer.error_code}; ${code} was due (${answer.error})`);
}

export function demandSuccess(answer: InferResponse, what: string): void {
  demand(answer.error === null, `${what} was answered ${answer.error_code}: ${answer.error}`);
}
