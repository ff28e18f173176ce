// The container under test, as the checks see it: its socket, frames it can look at, and ways to ask.
import { DescribeResponse, modelIdOfSocket, RuthError, validator, type InferRequest, type InferResponse } from '@ruth/protocol';
import { encodeMessage, type RingWriter } from '@ruth/transport';
import { basename } from 'node:path';
import { checkedAnswer, demandSuccess } from './answer-rules.ts';
import { shown } from './demand.ts';
import { readPhoto, type Photo } from './photo.ts';
import { Cameras, PICTURE_COUNT } from './pictures.ts';
import { RawConnection } from './raw-connection.ts';

export interface TargetOptions {
  readonly socketPath: string;
  /** As the container has it. */
  readonly ringDirectory: string;
  /** Asked of the container, or taken from the socket's name, unless told. */
  readonly modelId?: string | undefined;
  /** For each answer and each close. */
  readonly limitMs: number;
  /** The container's process, where its end shall be checked too. */
  readonly pid?: number | undefined;
  /** What starts the container, for a shell. */
  readonly command?: string | undefined;
  /** A photo in place of made-up pictures. */
  readonly image?: string | undefined;
}

/** The first at which it sees something: made-up pictures are not what models are sure of. */
const LOW_THRESHOLDS = [0.02, 0.001] as const;
const describeResponse = validator(DescribeResponse);

export class Target implements Disposable {
  readonly socketPath: string;
  readonly ringDirectory: string;
  readonly modelId: string;
  readonly limitMs: number;
  readonly pid: number | undefined;
  readonly command: string | undefined;
  /** What the container says of itself, if it says anything. */
  readonly description: DescribeResponse | null;
  readonly cameras: Cameras;
  /** Four frames: nothing, one bright thing, several, and a large one. */
  readonly ring: RingWriter;
  #low: number | null = null;

  private constructor(options: TargetOptions, modelId: string, description: DescribeResponse | null, photo: Photo | null) {
    this.socketPath = options.socketPath;
    this.ringDirectory = options.ringDirectory;
    this.limitMs = options.limitMs;
    this.pid = options.pid;
    this.command = options.command;
    this.modelId = modelId;
    this.description = description;
    this.cameras = new Cameras(options.ringDirectory, photo);
    this.ring = this.cameras.create('a');
    for (let picture = 0; picture < PICTURE_COUNT; picture++) this.cameras.publish(this.ring, picture);
  }

  /** Throws `unreachable` where nobody listens, `bad_request` where the model's id cannot be known or the image is none. */
  static async meet(options: TargetOptions): Promise<Target> {
    let answer: unknown;
    try {
      using connection = await RawConnection.open(options.socketPath, options.limitMs);
      connection.send({ type: 'describe' });
      answer = await connection.answer().catch(() => null);
    } catch (cause) {
      throw new RuthError('unreachable', `${options.socketPath}: ${(cause as Error).message}`, { cause });
    }
    const description = describeResponse.check(answer) ? answer : null;
    const modelId = options.modelId ?? description?.model_id ?? modelIdOfSocket(basename(options.socketPath));
    if (modelId === null) throw new RuthError('bad_request', `${options.socketPath} neither describes its model nor is named vas_model_<id>.sock: say the model's id`);
    return new Target(options, modelId, description, options.image === undefined ? null : await readPhoto(options.image));
  }

  open(): Promise<RawConnection> {
    return RawConnection.open(this.socketPath, this.limitMs);
  }

  /** A request for a frame of a ring; of the newest picture with several things in it, unless told. */
  request(frameId = 2, { config, ring = this.ring, name = 'a' }: { config?: InferRequest['config'] | Record<string, unknown>; ring?: RingWriter; name?: string } = {}): InferRequest {
    const { width, height, format } = ring.layout;
    const timestamp = Date.now() / 1000;
    return {
      frame_reference: ring.path, frame_metadata: { frame_id: frameId, width, height, format, timestamp },
      camera_id: this.cameras.idOf(name), model_id: this.modelId, timestamp, ...(config && { config }),
    };
  }

  /** A request that every container can refuse quickly, without looking at a frame. */
  cheapRequest(frameId: number): InferRequest {
    const request = this.request(frameId);
    return { ...request, frame_reference: `${request.frame_reference}-none` };
  }

  /** Asks on a connection of its own, or on the one given, and checks what every answer must be. */
  async ask(request: unknown, connection?: RawConnection): Promise<InferResponse> {
    if (!connection) {
      using own = await this.open();
      return await this.ask(request, own);
    }
    connection.send(request);
    return this.answerTo(request, connection);
  }

  async answerTo(request: unknown, connection: RawConnection): Promise<InferResponse> {
    const known = typeof request === 'object' && request !== null && !Array.isArray(request) ? request as Record<string, unknown> : null;
    return checkedAnswer(await connection.answer(), known, this.modelId);
  }

  /** Asks for a frame that is there; throws where that fails. */
  async look(frameId?: number, options?: Parameters<Target['request']>[1]): Promise<InferResponse> {
    const request = this.request(frameId, options);
    const answer = await this.ask(request);
    demandSuccess(answer, `frame ${request.frame_metadata.frame_id}${options?.config ? ` with config ${shown(options.config)}` : ''}`);
    return answer;
  }

  /** A threshold at which the model has something to say of the kit's pictures, if it ever has. */
  async lowThreshold(): Promise<number> {
    for (const threshold of this.#low === null ? LOW_THRESHOLDS : []) {
      this.#low = threshold;
      for (let frameId = 0; frameId < PICTURE_COUNT; frameId++) {
        if ((await this.look(frameId, { config: { confidence_threshold: threshold } })).detections.length > 0) return threshold;
      }
    }
    return this.#low!;
  }

  bytes(request: unknown): Buffer {
    return encodeMessage(request);
  }

  [Symbol.dispose](): void {
    this.cameras[Symbol.dispose]();
  }
}
