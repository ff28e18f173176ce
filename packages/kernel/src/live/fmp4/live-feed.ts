// Makes the live fMP4 of one stream of a camera, only while somebody watches; begins with the pictures since the last keyframe, so that
// a first viewer sees one at once. Its queue is bounded: when the kernel does not take the fragments, it drops to a keyframe.
import type { LiveStreamName } from '@ruth/protocol';
import { codecString } from '../../media/parameter-sets.ts';
import { ticksToUs, TICKS_PER_SECOND, type MediaPacket, type PacketConsumer, type StreamFormat } from '../../media/media-packet.ts';
import type { FromIngest } from '../../ingest/messages.ts';
import type { PictureGroup } from '../../media/picture-group.ts';
import { FragmentMuxer } from './fragment-muxer.ts';

const MAX_QUEUED_BYTES = 16 << 20;

interface Queued {
  readonly picture: MediaPacket;
  readonly format: StreamFormat;
  /** Which time of being watched it is for: each begins with a new init segment. */
  readonly view: number;
}

export interface LiveFeedOptions {
  /** What a first viewer begins with; told of each packet before this feed is. */
  readonly group: PictureGroup;
  readonly cameraId: string;
  readonly stream: LiveStreamName;
  /** Resolves when the message has left the process. */
  readonly send: (message: FromIngest) => Promise<void>;
}

export class LiveFeed implements PacketConsumer, AsyncDisposable {
  readonly #options: LiveFeedOptions;
  readonly #queue: Queued[] = [];
  #queuedBytes = 0;
  #format: StreamFormat | null = null;
  #wanted = false;
  #view = 0;
  #awaitingKeyframe = true;
  #muxer: { readonly muxer: FragmentMuxer; readonly of: Queued } | null = null;
  #working: Promise<void> | null = null;

  /** Packets that no viewer got because the kernel did not take them in time. */
  dropped = 0;

  constructor(options: LiveFeedOptions) { this.#options = options; }

  begin(format: StreamFormat): void {
    this.#format = format;
  }

  /** Begins with the keyframe that was last, or ends. */
  setWanted(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#awaitingKeyframe = true;
    this.#view++;
    if (wanted) for (const picture of this.#options.group.packets) this.#enqueue(picture);
    else this.#dropQueue();
    this.#work();
  }

  accept(picture: MediaPacket): void {
    if (!this.#wanted) return;
    this.#enqueue(picture);
    this.#work();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.setWanted(false);
    await this.#working;
  }

  #enqueue(picture: MediaPacket): void {
    if (this.#format === null) return;
    if (this.#queuedBytes > MAX_QUEUED_BYTES) {
      this.dropped += this.#queue.length;
      this.#dropQueue();
      this.#awaitingKeyframe = true;
    }
    if (this.#awaitingKeyframe && !picture.keyframe) {
      this.dropped++;
      return;
    }
    this.#awaitingKeyframe = false;
    this.#queue.push({ picture, format: this.#format, view: this.#view });
    this.#queuedBytes += picture.data.length;
  }

  #dropQueue(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #work(): void {
    if (this.#queue.length === 0 && (this.#wanted || this.#muxer === null)) return;
    this.#working ??= this.#drain().finally(() => { this.#working = null; });
  }

  async #drain(): Promise<void> {
    for (let queued = this.#queue.shift(); queued; queued = this.#queue.shift()) {
      this.#queuedBytes -= queued.picture.data.length;
      try {
        await this.#mux(queued);
      } catch {
        this.dropped++;
        this.#awaitingKeyframe = true;
        this.#muxer = null;
      }
    }
    if (!this.#wanted) this.#muxer = null;
  }

  async #mux(queued: Queued): Promise<void> {
    const { cameraId, stream, send } = this.#options;
    const { format, picture } = queued;
    const open = this.#muxer?.of;
    if (!open || open.format !== queued.format || open.picture.epoch !== picture.epoch || open.view !== queued.view) {
      this.#muxer = null;
      if (!picture.keyframe) return;
      const muxer = await FragmentMuxer.open(format, picture.ptsTicks);
      this.#muxer = { muxer, of: queued };
      const mime = `video/mp4; codecs="${codecString(format.codec, format.parameterSets) ?? 'avc1'}"`;
      const { width, height } = format;
      await send({
        type: 'live-init', stream, segment: muxer.initSegment,
        init: { type: 'init', camera_id: cameraId, mime, width, height, pts_origin_us: ticksToUs(muxer.originTicks), epoch: picture.epoch,
          wall_origin: picture.capturedAtUs / 1e6 - (picture.ptsTicks - muxer.originTicks) / TICKS_PER_SECOND },
      });
    }
    await send({ type: 'live-fragment', stream, ...this.#muxer!.muxer.write(picture) });
  }
}
