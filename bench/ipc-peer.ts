// The other side of the ipc bench, in a process of its own: an IpcServer with a mock inference handler, and bare socket
// servers that answer the same bytes without a look at what they are asked. Ends when its parent does.
import { createServer } from 'node:net';
import { encodeMessage, IpcServer } from '@ruth/transport';

/** The request and the response that contracts.md gives as examples; more detections repeat the one. */
export const REQUEST = {
  frame_reference: '/dev/shm/vas_frames_camera_1',
  frame_metadata: { frame_id: 42, width: 1920, height: 1080, format: 'NV12', timestamp: 1735598400.123 },
  camera_id: 'camera_1', model_id: 'yolov8n', timestamp: 1735598400.123, config: { confidence_threshold: 0.5 },
};
export const response = (detections: number): unknown => ({
  model_id: 'yolov8n', camera_id: 'camera_1', frame_id: 42,
  detections: Array.from({ length: detections }, () => ({ class_id: 0, class_name: 'person', confidence: 0.85, bbox: [0.1, 0.1, 0.3, 0.5] })),
  metadata: { inference_time_ms: 42.3 }, error: null,
});
export const REQUEST_BYTES = encodeMessage(REQUEST);
/** Sockets `ruth_<n>` and `bare_<n>` answer with n detections. */
export const DETECTION_COUNTS = [1, 10];

if (import.meta.main) {
  const directory = process.argv[2]!;
  for (const count of DETECTION_COUNTS) {
    const answer = response(count);
    const bytes = encodeMessage(answer);
    await IpcServer.listen(`${directory}/ruth_${count}`, { handle: async () => answer, refuse: (error) => ({ error: error.message }) });
    createServer((socket) => {
      let received = 0;
      socket.on('data', (chunk) => {
        received += chunk.length;
        if (received < REQUEST_BYTES.length) return;
        received = 0;
        socket.write(bytes);
      });
      socket.on('error', () => undefined);
    }).listen(`${directory}/bare_${count}`);
  }
  process.send!('ready');
  process.on('disconnect', () => process.exit(0));
}
