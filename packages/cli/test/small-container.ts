// A model container in one file that keeps the contract, unless it is told to break it in one way. Its model finds the
// box of all bright pixels.
import { chmodSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { basename } from 'node:path';
import {
  InferRequest, modelSocketPath, RuthError, validator, type DescribeResponse, type Detection, type HealthResponse, type InferenceErrorCode, type InferResponse,
} from '@ruth/protocol';
import { encodeMessage, IpcServer, listenOnSocket, RingReader, type RingFrame } from '@ruth/transport';

export const MODEL_ID = 'small';

export type Fault =
  | 'closes silently' | 'echoes the last camera' | 'keeps state' | 'errors with detections' | 'errors without a code' | 'hangs on the third frame'
  | 'bbox in pixels' | 'tracks' | 'answers for any model' | 'follows links' | 'reads what is there' | 'ignores the threshold' | 'ignores classes'
  | 'ignores max_detections' | 'roi in the roi' | 'crowded' | 'open to all' | 'remembers config' | 'nothing seen on failure' | 'strict about unknown keys'
  | 'one chunk is one message' | 'closes after each answer' | 'waits for over-long messages' | 'keeps the mapping' | 'describes another model' | 'ready without a canary';

const inferRequest = validator(InferRequest);
const BRIGHT = 160;

export async function smallContainer({ socketDirectory, ringDirectory, fault }: { socketDirectory: string; ringDirectory: string; fault?: Fault }): Promise<AsyncDisposable> {
  const path = modelSocketPath(MODEL_ID, socketDirectory);
  const answer = answerer(ringDirectory, fault);
  if (fault === 'one chunk is one message' || fault === 'closes after each answer' || fault === 'waits for over-long messages') return careless(path, answer, fault);
  const server = await IpcServer.listen(path, {
    handle: answer,
    refuse(error) {
      if (fault === 'closes silently') throw error;
      return refusal('bad_request', error.message, null, fault);
    },
    ...(fault === 'crowded' && { maxConnections: 50 }),
  });
  if (fault === 'open to all') chmodSync(path, 0o666);
  return server;
}

type Answer = InferResponse | DescribeResponse | HealthResponse;

function answerer(ringDirectory: string, fault: Fault | undefined): (message: unknown) => Promise<Answer> {
  let looks = 0;
  let lastCamera = 'none';
  let lastConfig: InferRequest['config'];
  const kept = new Map<string, RingReader>();
  return async (message) => {
    const { type } = (typeof message === 'object' && message !== null ? message : {}) as { type?: string };
    if (type === 'describe') return describe(fault);
    if (type === 'health') return { model_id: MODEL_ID, status: 'ready', last_canary_age_ms: fault === 'ready without a canary' ? null : 0, uptime_ms: 1, counters: {} };
    try {
      const request = inferRequest.parse(message);
      if (request.model_id !== MODEL_ID && fault !== 'answers for any model') throw new RuthError('wrong_model', `this is ${MODEL_ID}`);
      if (fault === 'strict about unknown keys' && 'zoom' in (request.config ?? {})) throw new RuthError('bad_request', 'config.zoom is not known');
      if (request.config?.classes?.some((name) => name !== 'bright')) throw new RuthError('bad_request', 'only "bright" is known');
      const { format, frame_id } = request.frame_metadata;
      if (format !== undefined && format !== 'NV12' && format !== 'I420') throw new RuthError('unsupported_format', format);
      if (fault === 'hangs on the third frame' && frame_id === 2) return await new Promise<never>(() => undefined);
      const config = request.config ?? (fault === 'remembers config' ? lastConfig : undefined) ?? {};
      lastConfig = config;
      const detections = look(request, config, ringDirectory, kept, fault);
      if (fault === 'keeps state') for (const detection of detections) detection.confidence = Math.max(0, detection.confidence - looks++ / 1000);
      const answer = { model_id: MODEL_ID, camera_id: fault === 'echoes the last camera' ? lastCamera : request.camera_id, frame_id, detections, metadata: { inference_time_ms: 0.1 }, error: null };
      lastCamera = request.camera_id;
      return answer;
    } catch (cause) {
      const { code, message: text } = RuthError.from(cause);
      return refusal(code === 'ring_invalid' ? 'frame_unreadable' : code as InferenceErrorCode, text, message, fault);
    }
  };
}

function refusal(code: InferenceErrorCode, error: string, message: unknown, fault: Fault | undefined): InferResponse {
  const request = (typeof message === 'object' && message !== null ? message : {}) as Partial<InferRequest>;
  const detection: Detection = { class_id: 0, class_name: 'bright', confidence: 1, bbox: [0, 0, 1, 1] };
  const frameId = request.frame_metadata?.frame_id;
  return {
    model_id: MODEL_ID, camera_id: typeof request.camera_id === 'string' ? request.camera_id : null, frame_id: Number.isSafeInteger(frameId) && frameId! >= 0 ? frameId! : null,
    detections: fault === 'errors with detections' ? [detection] : [], metadata: fault === 'nothing seen on failure' ? { inference_time_ms: 0 } : {},
    error: fault === 'nothing seen on failure' ? null : error, ...(fault !== 'errors without a code' && fault !== 'nothing seen on failure' && { error_code: code }),
  };
}

function look(request: InferRequest, config: NonNullable<InferRequest['config']>, ringDirectory: string, kept: Map<string, RingReader>, fault: Fault | undefined): Detection[] {
  const reference = request.frame_reference;
  const linked = fault === 'follows links' && basename(reference).endsWith('-link');
  const reader = kept.get(reference) ?? RingReader.open(linked ? reference.replace(/-link$/, '-a') : reference, { ringDirectory });
  if (fault === 'keeps the mapping') kept.set(reference, reader);
  try {
    const frameId = fault === 'reads what is there' ? reader.framesPublished() - 1 : request.frame_metadata.frame_id;
    const read = reader.read(frameId);
    if (read.status === 'overwritten') throw new RuthError('frame_overwritten', 'gone');
    if (read.status !== 'frame') throw new RuthError('frame_not_found', read.status);
    const found = brightBox(read.frame, config.roi ?? [0, 0, 1, 1], fault === 'roi in the roi');
    const detections = [found, found].filter((detection) => detection !== null).map((detection, index) => ({ ...detection, confidence: detection.confidence / (index + 1) }));
    if (fault === 'bbox in pixels') for (const { bbox } of detections) for (const index of bbox.keys()) bbox[index]! *= 640;
    if (fault === 'tracks') for (const detection of detections) detection.track_id = 7;
    if (fault === 'ignores classes' && config.classes) for (const detection of detections) detection.class_name = 'dark';
    return detections.filter(({ confidence }) => fault === 'ignores the threshold' || confidence >= (config.confidence_threshold ?? 0.25))
      .slice(0, fault === 'ignores max_detections' ? 100 : config.max_detections);
  } finally {
    if (fault !== 'keeps the mapping') reader.close();
  }
}

/** Of every eighth pixel: the box of the bright ones, as sure as they fill it. */
function brightBox({ width, height, planes: [luma], strides: [stride] }: RingFrame, [left, top, right, bottom]: readonly number[], relative: boolean): Detection | null {
  let [xMin, yMin, xMax, yMax, count] = [Infinity, Infinity, 0, 0, 0];
  for (let y = Math.floor(top! * height); y < bottom! * height; y += 8) {
    for (let x = Math.floor(left! * width); x < right! * width; x += 8) {
      if (luma![y * stride! + x]! < BRIGHT) continue;
      [xMin, yMin, xMax, yMax, count] = [Math.min(xMin, x), Math.min(yMin, y), Math.max(xMax, x), Math.max(yMax, y), count + 64];
    }
  }
  if (count === 0) return null;
  const across = (x: number): number => (relative ? (x / width - left!) / (right! - left!) : x / width);
  return { class_id: 0, class_name: 'bright', confidence: Math.min(1, count / ((xMax - xMin + 8) * (yMax - yMin + 8))), bbox: [across(xMin), yMin / height, across(xMax), yMax / height], track_id: null };
}

function describe(fault: Fault | undefined): DescribeResponse {
  return {
    model_id: fault === 'describes another model' ? 'large' : MODEL_ID, model_name: 'Small', model_version: '1', supported_tasks: ['detect'], classes: ['bright'], keypoint_names: [], skeleton: [],
    input: { width: 80, height: 45 }, device: 'cpu', versions: {}, limits: { max_concurrency: 1, max_batch: 1 },
  };
}

/** What is written when one believes that bytes come as they were sent. */
async function careless(path: string, answer: (message: unknown) => Promise<Answer>, fault: Fault): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let bytes = Buffer.alloc(0);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket)).on('data', (chunk) => {
      bytes = fault === 'one chunk is one message' ? chunk : Buffer.concat([bytes, chunk]);
      void serve();
    });
    const serve = async (): Promise<void> => {
      while (bytes.length >= 4 && (fault === 'one chunk is one message' || bytes.length >= 4 + bytes.readUInt32BE())) {
        const body = bytes.subarray(4, 4 + bytes.readUInt32BE());
        bytes = bytes.subarray(4 + body.length);
        let message: unknown;
        try {
          message = JSON.parse(body.toString());
        } catch {
          message = null;
        }
        socket.write(encodeMessage(await answer(message)));
        if (fault === 'closes after each answer') socket.end();
      }
    };
  });
  await listenOnSocket(server, path);
  return { async [Symbol.asyncDispose]() { for (const socket of sockets) socket.destroy(); await new Promise((resolve) => server.close(resolve)); } };
}

