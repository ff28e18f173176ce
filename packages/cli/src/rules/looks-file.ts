// Looks kept in a file: what the models said of a clip, so that rules can be tried again and again without looking again. A JSON line that
// says what the models are, then one for each look; gzip where the name ends so.
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Look, LooksHead, RuthError, validator } from '@ruth/protocol';

const MOST_BYTES = 512 * 1024 * 1024;
/** Of a picture: less than a pixel of a 4K one. */
const DIGITS = 4;

export interface KeptLooks { readonly head: LooksHead; readonly looks: readonly Look[] }

const looksHead = validator(LooksHead);
const aLook = validator(Look);

export const isLooksFile = (path: string): boolean => /\.jsonl(\.gz)?$/.test(path);

/** Throws `bad_request` naming the line. */
export function readLooks(path: string): KeptLooks {
  let text: string;
  try {
    const bytes = readFileSync(path);
    text = (path.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: MOST_BYTES }) : bytes).toString();
  } catch (cause) {
    throw new RuthError('bad_request', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const [head, ...lines] = text.split('\n').filter((line) => line !== '').map((line, index) => {
    try {
      return JSON.parse(line) as unknown;
    } catch (cause) {
      throw new RuthError('bad_request', `${path}:${index + 1} is no JSON: ${(cause as Error).message}`, { cause });
    }
  });
  return { head: looksHead.parse(head), looks: lines.map((line) => aLook.parse(line)) };
}

export function writeLooks(path: string, { head, looks }: KeptLooks): void {
  const text = [head, ...looks.map((look) => ({ ...look, metadata: {} }))].map((line) => JSON.stringify(line, shortened)).join('\n') + '\n';
  writeFileSync(path, path.endsWith('.gz') ? gzipSync(text, { level: 9 }) : text);
}

/** Shares and scores; times and numbers of frames stay as they are. */
function shortened(key: string, value: unknown): unknown {
  const isBox = key === 'bbox' || key === 'keypoints' || key === 'embedding';
  if (isBox) return roundedAll(value);
  return key === 'confidence' && typeof value === 'number' ? rounded(value) : value;
}

const rounded = (value: number): number => Number(value.toFixed(DIGITS));
const roundedAll = (value: unknown): unknown => (Array.isArray(value) ? value.map(roundedAll) : typeof value === 'number' ? rounded(value) : value);
