// Shows images to a model as a camera would: each is published in a ring, and the container is asked over its socket.
import { RuthError, validator, InferResponse, type InferRequest } from '@ruth/protocol';
import { IpcClient, RingWriter } from '@ruth/transport';
import type { ModelContainer, LoadedModel } from '@ruth/container';
import type { EvaluatedImage } from './average-precision.ts';
import type { LabelledImage } from './labelled-images.ts';
import { readPicture, type Colour, type Picture } from './picture.ts';

// Nearly all boxes: mean average precision weighs them by their scores itself.
const CONFIG = { confidence_threshold: 0.01, max_detections: 300 } as const;
const response = validator(InferResponse);

export interface LookOptions {
  readonly model: LoadedModel;
  readonly container: ModelContainer;
  readonly ringDirectory: string;
  readonly colour: Colour;
}

/** Looks at every image, in their order, as many at a time as the container has sessions. Throws where the container answers an error. */
export async function lookAtAll(images: readonly LabelledImage[], options: LookOptions, report: (done: number) => void): Promise<EvaluatedImage[]> {
  await using client = new IpcClient(options.container.socketPath, { maxConnections: options.container.sessions });
  const evaluated: EvaluatedImage[] = [];
  const waiting = images.entries();
  let done = 0;
  const lane = async (camera: string): Promise<void> => {
    for (const [index, image] of waiting) {
      const picture = await readPicture(image.path, options.colour);
      const found = await lookAt(picture, camera, client, options);
      evaluated[index] = { truth: image.truth(picture.width, picture.height), found };
      report(++done);
    }
  };
  await Promise.all(Array.from({ length: options.container.sessions }, (_, index) => lane(`accuracy_${index}`)));
  return evaluated;
}

async function lookAt(picture: Picture, camera: string, client: IpcClient, { model, ringDirectory }: LookOptions): Promise<EvaluatedImage['found']> {
  const { width, height } = picture;
  using ring = RingWriter.create({ cameraId: camera, width, height, format: 'NV12', slotCount: 1, ringDirectory });
  const frameId = publishPicture(ring, picture);
  const request: InferRequest = {
    frame_reference: ring.path, frame_metadata: { frame_id: frameId, width, height, format: 'NV12' }, camera_id: camera, model_id: model.manifest.model_id, config: CONFIG,
  };
  const answer = response.parse(await client.request(request, { timeoutMs: 60_000 }));
  if (answer.error !== null) throw new RuthError(answer.error_code ?? 'internal', answer.error);
  return answer.detections.map(({ class_id, confidence, bbox: [left, top, right, bottom] }) => ({
    classId: class_id, score: confidence, left: left * width, top: top * height, right: right * width, bottom: bottom * height,
  }));
}

/** Copies the picture into the ring's next slot and publishes it. Returns its frame id. */
export function publishPicture(ring: RingWriter, { planes, strides, colourMatrix, colourRange, width, height }: Picture): number {
  const slot = ring.begin();
  for (const [index, plane] of planes.entries()) {
    const rows = index === 0 ? height : Math.ceil(height / 2);
    const bytes = index === 0 ? width : 2 * Math.ceil(width / 2);
    for (let row = 0; row < rows; row++) plane.copy(slot.planes[index]!, row * slot.strides[index]!, row * strides[index]!, row * strides[index]! + bytes);
  }
  return ring.publish({ ptsUs: 0, capturedAtUs: Date.now() * 1000, colourMatrix, colourRange, epoch: 0 });
}
