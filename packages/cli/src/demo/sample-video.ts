// Where the pedestrian sample can come from: OpenCV's vtest.avi, installed, fetched, or taken out of a Debian package
// without installing it. Each way has a time limit; who calls checks the sha256.
import { execFile, type ExecFileOptions } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';

export const SAMPLE_SHA256 = '45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf';

const SAMPLE_URL = 'https://raw.githubusercontent.com/opencv/opencv/4.x/samples/data/vtest.avi';
const INSTALLED = ['/usr/share/doc/opencv-doc/examples/data', '/usr/share/opencv4/samples/data', '/usr/share/opencv/samples/data'];
const MAX_BYTES = 32 * 1024 * 1024;
const ANSWER_TIMEOUT_MS = 8000;
const FETCH_TIMEOUT_MS = 60_000;
const PACKAGE_TIMEOUT_MS = 120_000;
const GZIP_MAGIC = 0x1f8b;

export interface SampleWay {
  /** Completes "not from ...". */
  readonly name: string;
  /** Writes the file to `target`, or throws saying why it cannot. */
  obtain(target: string, log: (line: string) => void, signal?: AbortSignal): Promise<void>;
}

export const sampleWays = (): SampleWay[] => [installed(INSTALLED), fetched(SAMPLE_URL), debianPackage()];

/** A copy that the system has, plain or compressed as Debian does with documentation. */
export function installed(directories: readonly string[]): SampleWay {
  return {
    name: 'an installed OpenCV',
    async obtain(target) {
      const paths = directories.flatMap((directory) => [join(directory, 'vtest.avi'), join(directory, 'vtest.avi.gz')]);
      const path = paths.find((candidate) => existsSync(candidate));
      if (path === undefined) throw new Error('none is installed');
      if (path.endsWith('.gz')) await writeFile(target, gunzipSync(await readFile(path), { maxOutputLength: MAX_BYTES }));
      else await copyFile(path, target);
    },
  };
}

export function fetched(url: string): SampleWay {
  return {
    name: new URL(url).host,
    async obtain(target, log, signal) {
      log(`fetching ${url}`);
      const stop = AbortSignal.any([AbortSignal.timeout(FETCH_TIMEOUT_MS), ...(signal ? [signal] : [])]);
      const unanswered = new AbortController();
      const timer = setTimeout(() => unanswered.abort(new Error(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`)), ANSWER_TIMEOUT_MS);
      const response = await fetch(url, { signal: AbortSignal.any([stop, unanswered.signal]) })
        .catch((error: unknown) => { throw reason(error); })
        .finally(() => clearTimeout(timer));
      if (!response.ok || !response.body) throw new Error(`the answer was ${response.status} ${response.statusText}`);
      const total = Number(response.headers.get('content-length') ?? 0);
      await pipeline(
        Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
        (chunks: AsyncIterable<Buffer>) => counted(chunks, total, log),
        createWriteStream(target), { signal: stop });
    },
  };
}

/** `apt-get download` needs no rights and installs nothing; the package is 96 MB. */
export function debianPackage(): SampleWay {
  return {
    name: "Debian's package opencv-doc",
    async obtain(target, log, signal) {
      for (const program of ['/usr/bin/apt-get', '/usr/bin/dpkg-deb']) if (!existsSync(program)) throw new Error('this is no Debian');
      const folder = await mkdtemp(join(dirname(target), 'opencv-doc-'));
      try {
        log('fetching the Debian package opencv-doc (96 MB; nothing is installed)');
        const options = { cwd: folder, timeout: PACKAGE_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 1024 * 1024, ...(signal ? { signal } : {}) } as const;
        await run('/usr/bin/apt-get', ['download', '-q', 'opencv-doc'], options);
        const file = (await readdir(folder)).find((name) => name.endsWith('.deb'));
        if (file === undefined) throw new Error('apt-get brought no package');
        const packed = join(folder, 'vtest');
        await run('/bin/sh', ['-c', 'dpkg-deb --fsys-tarfile "$0" | tar -x -O --wildcards "*/vtest.avi*" > "$1"', join(folder, file), packed], options);
        const data = await readFile(packed);
        await writeFile(target, data.length > 2 && data.readUInt16BE(0) === GZIP_MAGIC ? gunzipSync(data, { maxOutputLength: MAX_BYTES }) : data);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

async function* counted(chunks: AsyncIterable<Buffer>, total: number, log: (line: string) => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  let lastMs = performance.now();
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error('the file is too large');
    if (performance.now() - lastMs > 1000) {
      lastMs = performance.now();
      log(`fetched ${(bytes / 1e6).toFixed(1)} MB${total > 0 ? ` of ${(total / 1e6).toFixed(1)}` : ''}`);
    }
    yield chunk;
  }
}

/** fetch says "fetch failed" and hides why in the cause. */
function reason(error: unknown): Error {
  const { cause, message } = error as Error;
  return new Error(cause instanceof Error && cause.message !== '' ? cause.message : message, { cause: error });
}

/** Runs a program to its end; the error says what the program said last. */
async function run(program: string, parameters: string[], options: ExecFileOptions): Promise<void> {
  await promisify(execFile)(program, parameters, options).catch((error: unknown) => {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(stderr?.trim().split('\n').at(-1) || message, { cause: error });
  });
}
