// Every error code that crosses a wall of Ruth, in one closed table: its HTTP status, whether the same call can help
// later, and what a person can do. Across processes compare `code`, never the class or the text.

export interface ErrorRow {
  readonly httpStatus: number;
  readonly retryable: boolean;
  readonly advice: string;
}

export const ERRORS = {
  // inference: the closed list of contracts.md, section 1
  bad_request: { httpStatus: 400, retryable: false, advice: 'Correct the request; the message names the field.' },
  wrong_model: { httpStatus: 404, retryable: false, advice: 'Send the request to the socket of that model.' },
  frame_not_found: { httpStatus: 404, retryable: false, advice: 'Ask for a frame that the ring holds; check camera id and frame id.' },
  frame_overwritten: { httpStatus: 410, retryable: false, advice: 'The frame is gone; ask for a newer one, or raise frames.slots of the camera.' },
  frame_unreadable: { httpStatus: 422, retryable: false, advice: 'Check that the reference is a ring inside the shared-memory directory and readable.' },
  unsupported_format: { httpStatus: 415, retryable: false, advice: 'Publish NV12 or I420.' },
  overloaded: { httpStatus: 503, retryable: true, advice: 'Lower desired_fps, or run the model on faster hardware.' },
  deadline_exceeded: { httpStatus: 504, retryable: true, advice: 'Raise deadline_ms, or lower the load.' },
  inference_failed: { httpStatus: 500, retryable: false, advice: 'See the log of the model container.' },
  shutting_down: { httpStatus: 503, retryable: true, advice: 'Retry when the container is ready again.' },
  // bytes between processes
  message_too_large: { httpStatus: 413, retryable: false, advice: 'Send at most 10 MiB.' },
  invalid_length: { httpStatus: 400, retryable: false, advice: 'Begin each message with its length, 4 bytes big-endian, 1 to 10485760.' },
  socket_in_use: { httpStatus: 409, retryable: false, advice: 'Stop the process that owns the socket, or choose another socket directory.' },
  unreachable: { httpStatus: 503, retryable: true, advice: 'Ruth starts its own processes again by itself. Where it stays so, its log says why; of what Ruth does not start, see that it runs and that its address is right.' },
  timeout: { httpStatus: 504, retryable: true, advice: 'The other side did not answer in time; see its log.' },
  cancelled: { httpStatus: 499, retryable: true, advice: 'The caller gave up.' },
  // shared memory
  no_space: { httpStatus: 507, retryable: true, advice: 'Enlarge the shared-memory directory (Docker: --shm-size), or lower frames.slots.' },
  ring_invalid: { httpStatus: 422, retryable: false, advice: 'The file is no frame ring of this version; restart the kernel to make it anew.' },
  // settings
  invalid_id: { httpStatus: 400, retryable: false, advice: 'Use 1 to 63 letters, digits, dot, underscore or dash.' },
  invalid_config: { httpStatus: 400, retryable: false, advice: 'Correct the line that the message names; schemas/ruth.schema.json describes every key.' },
  invalid_manifest: { httpStatus: 400, retryable: false, advice: 'Correct the line that the message names; schemas/manifest.schema.json describes every key.' },
  model_invalid: { httpStatus: 422, retryable: false, advice: 'Check that the weights are an ONNX file that fits the manifest.' },
  weights_mismatch: { httpStatus: 422, retryable: false, advice: 'The weights are not those that the manifest names; fetch them again or correct sha256.' },
  device_unavailable: { httpStatus: 503, retryable: false, advice: 'Allow the CPU (cpu_fallback_allowed), or give the machine the device.' },
  // cameras
  camera_not_found: { httpStatus: 404, retryable: false, advice: 'List the cameras with GET /api/v1/cameras.' },
  camera_unauthorized: { httpStatus: 401, retryable: false, advice: 'Correct user and password in the camera URL.' },
  camera_unreachable: { httpStatus: 503, retryable: true, advice: 'Check address, port and cable of the camera.' },
  camera_protocol: { httpStatus: 502, retryable: true, advice: 'What answers there does not speak RTSP, or the path is wrong; check the URL.' },
  camera_no_video: { httpStatus: 422, retryable: false, advice: 'The stream has no video that Ruth can read (H.264 or H.265); choose another stream of the camera.' },
  camera_stalled: { httpStatus: 504, retryable: true, advice: 'The camera stopped sending; check the network and the camera.' },
  stream_corrupt: { httpStatus: 502, retryable: true, advice: 'The video is damaged on the way; use TCP, check the network.' },
  // recordings
  not_recorded: { httpStatus: 404, retryable: false, advice: 'Ask for a time that is recorded; the timeline shows which.' },
  recording_off: { httpStatus: 409, retryable: false, advice: 'Add a recording section with a directory to ruth.yaml.' },
  disk_full: { httpStatus: 507, retryable: true, advice: 'Free space on the disk that the message names; on that of recordings, a lower max_size_gb does it too.' },
  // live
  webrtc_unavailable: { httpStatus: 503, retryable: true, advice: 'Watch over the page itself meanwhile; see the kernel log for why there is no WebRTC.' },
  unsupported_codec: { httpStatus: 415, retryable: false, advice: 'Choose another way to watch: WebRTC carries H.264 alone.' },
  // the server's store
  store_unavailable: { httpStatus: 503, retryable: true, advice: 'Check the data directory, or the database that DATABASE_URL names; see the log of the server.' },
  conflict: { httpStatus: 409, retryable: true, advice: 'Somebody else changed it meanwhile; look at it anew.' },
  // a site of many nodes
  node_away: { httpStatus: 503, retryable: true, advice: 'What other nodes have goes on. Look after that node, its network, and site.server_url of its ruth.yaml.' },
  // everything else
  not_found: { httpStatus: 404, retryable: false, advice: 'Check the address.' },
  forbidden: { httpStatus: 403, retryable: false, advice: 'Ask an administrator for the permission.' },
  unauthorized: { httpStatus: 401, retryable: false, advice: 'Sign in, or send an API token: Authorization: Bearer <token>.' },
  rate_limited: { httpStatus: 429, retryable: true, advice: 'Wait as long as Retry-After says.' },
  invalid_state: { httpStatus: 409, retryable: false, advice: 'The step does not follow from the present state.' },
  internal: { httpStatus: 500, retryable: false, advice: 'This is a bug in Ruth; please report it with the log.' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** The codes a container may put into `error_code` of an inference response. */
export const INFERENCE_ERROR_CODES = [
  'bad_request', 'wrong_model', 'frame_not_found', 'frame_overwritten', 'frame_unreadable', 'unsupported_format',
  'overloaded', 'deadline_exceeded', 'inference_failed', 'shutting_down',
] as const satisfies readonly ErrorCode[];
export type InferenceErrorCode = (typeof INFERENCE_ERROR_CODES)[number];

/** What is wrong at one place of a request: `pointer` is a JSON pointer into its body. */
export interface RequestProblem { readonly pointer: string; readonly message: string }

export class RuthError extends Error {
  readonly code: ErrorCode;
  /** Of a request in which several things may be wrong; empty for others. */
  readonly problems: readonly RequestProblem[];
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; problems?: readonly RequestProblem[] } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'RuthError';
    this.code = code;
    this.problems = options.problems ?? [];
  }
  get httpStatus(): number { return ERRORS[this.code].httpStatus; }
  get retryable(): boolean { return ERRORS[this.code].retryable; }
  get advice(): string { return ERRORS[this.code].advice; }

  /** Says what often is so, as that there are too many requests: without a stack, which costs more than all the rest of such an answer. */
  static expected(code: ErrorCode, message: string): RuthError {
    const stacks = Error as { stackTraceLimit?: number };
    const { stackTraceLimit } = stacks;
    stacks.stackTraceLimit = 0;
    try {
      return new RuthError(code, message);
    } finally {
      if (stackTraceLimit === undefined) delete stacks.stackTraceLimit;
      else stacks.stackTraceLimit = stackTraceLimit;
    }
  }

  /** The error as it is, if it is one of ours; otherwise `fallback` with the error as its cause. */
  static from(error: unknown, fallback: ErrorCode = 'internal'): RuthError {
    if (error instanceof RuthError) return error;
    return new RuthError(fallback, error instanceof Error ? error.message : String(error), { cause: error });
  }
}
