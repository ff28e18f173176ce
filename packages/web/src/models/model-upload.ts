// The ONNX file that is sent to the node for a job to try. It lives as long as the page, so that one may look at other views meanwhile;
// a file that is there already is not sent again where only the job could not begin.
import { LARGEST_UPLOAD_BYTES, type ModelJob, type ModelJobRequest, type ModelUpload } from '@ruth/protocol';
import { Observable } from '../observable.ts';
import { send, sendFile, type Failure } from '../system/api.ts';
import { bytesText } from '../wall-clock.ts';

export interface ModelUploadState {
  readonly file: File | null;
  /** Null: it is not on its way. All of it: the node makes sure of it. */
  readonly sentBytes: number | null;
  /** Why it cannot be sent, or was not. */
  readonly failure: Failure | null;
}

export class ModelUploadStore extends Observable<ModelUploadState> {
  #sending: AbortController | null = null;
  /** Waits at the node. */
  #upload: ModelUpload | null = null;

  constructor() { super({ file: null, sentBytes: null, failure: null }); }

  /** Null: none. */
  choose(files: readonly File[] | null): void {
    if (this.#sending) return;
    this.#forgetUpload();
    const problem = files === null ? null : fileProblem(files);
    this.set({ file: problem === null ? files?.[0] ?? null : null, failure: problem });
  }

  /** Sends the file unless it is there, and begins the job. True where that has begun. */
  async try(request: Omit<ModelJobRequest, 'source'>): Promise<boolean> {
    const { file } = this.get();
    if (file === null || this.#sending) return false;
    const sending = this.#sending = new AbortController();
    addEventListener('beforeunload', warn);
    this.set({ sentBytes: 0, failure: null });
    const failure = await this.#sendAndBegin(file, request, sending.signal);
    removeEventListener('beforeunload', warn);
    this.#sending = null;
    this.set({ sentBytes: null, failure: failure?.code === 'cancelled' ? null : failure });
    return failure === null;
  }

  cancel(): void { this.#sending?.abort(); }

  async #sendAndBegin(file: File, request: Omit<ModelJobRequest, 'source'>, signal: AbortSignal): Promise<Failure | null> {
    if (this.#upload === null) {
      const { value, failure } = await sendFile<ModelUpload>(`model-uploads?file_name=${encodeURIComponent(file.name)}`, file, { onSent: (sentBytes) => this.set({ sentBytes }), signal });
      if (failure) return failure;
      this.#upload = value;
    }
    const { failure } = await send<ModelJob>('POST', 'model-jobs', { ...request, source: `upload:${this.#upload.upload_id}` });
    // A job that began has it, and one that does not know it never will; else it waits for the next try.
    if (failure === null || failure.code === 'not_found') this.#upload = null;
    return failure;
  }

  #forgetUpload(): void {
    if (this.#upload) void send<null>('DELETE', `model-uploads/${this.#upload.upload_id}`);
    this.#upload = null;
  }
}

/** The browser asks before it leaves a page that sends. */
const warn = (event: BeforeUnloadEvent): void => event.preventDefault();

/** What the node would refuse is told before it is sent. */
function fileProblem(files: readonly File[]): Failure | null {
  const [file] = files;
  const problem = (message: string, advice: string): Failure => ({ code: 'bad_request', message, advice });
  if (!file) return problem('that was no file', 'Choose the .onnx file of the model.');
  if (files.length > 1) return problem(`${files.length} files came, and one is tried at a time`, 'Choose one .onnx file; one with weights in further files must be saved as one.');
  if (!/.\.onnx$/i.test(file.name)) return problem(`${file.name} is no .onnx file`, 'Export the model to ONNX, as docs/models.md says.');
  if (file.size === 0) return problem(`${file.name} is empty`, 'Export the model anew.');
  if (file.size > LARGEST_UPLOAD_BYTES) return problem(`${file.name} has ${bytesText(file.size)}, and ${bytesText(LARGEST_UPLOAD_BYTES)} are allowed`, 'Copy it to the machine itself and add it there: ruth model add.');
  return null;
}
