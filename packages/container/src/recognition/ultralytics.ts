// What Ultralytics' exporter writes into a model: names of the classes, task, size, licence. Values are Python's text of a value.
import type { OnnxGraph } from '../onnx/onnx-graph.ts';

export interface UltralyticsExport {
  readonly task: string;
  readonly names: readonly string[] | null;
  readonly width: number | null;
  readonly height: number | null;
  /** Keypoints, and numbers for each. */
  readonly keypointShape: readonly [number, number] | null;
  readonly description: string | null;
  readonly license: string | null;
  readonly version: string | null;
}

const MOST_NAMES = 10_000;

/** Null where the model says nothing of the kind. */
export function ultralyticsExport({ metadata }: OnnxGraph): UltralyticsExport | null {
  const task = metadata.get('task');
  if (task === undefined || !metadata.has('stride')) return null;
  const size = numbers(metadata.get('imgsz'));
  const shape = numbers(metadata.get('kpt_shape'));
  return {
    task, names: pythonNames(metadata.get('names')),
    // Height first.
    height: size[0] ?? null, width: size[1] ?? size[0] ?? null,
    keypointShape: shape.length === 2 ? [shape[0]!, shape[1]!] : null,
    description: metadata.get('description') ?? null, license: metadata.get('license') ?? null, version: metadata.get('version') ?? null,
  };
}

function numbers(text: string | undefined): number[] {
  return (text?.match(/\d{1,6}/g) ?? []).slice(0, 4).map(Number);
}

/** The names of `{0: 'person', 1: "child's seat"}` or of `['person', 'cat']`, in order; null where they are not whole. */
export function pythonNames(text: string | undefined): string[] | null {
  if (text === undefined) return null;
  const names: string[] = [];
  const entry = /(?:(\d{1,5})\s*:\s*)?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")/gy;
  const body = text.trim();
  if (!/^[[{(].*[\]})]$/s.test(body)) return null;
  for (let at = 1; at < body.length - 1 && names.length < MOST_NAMES;) {
    entry.lastIndex = at;
    const found = entry.exec(body);
    if (!found) return null;
    const index = found[1] === undefined ? names.length : Number(found[1]);
    if (index !== names.length) return null;
    names.push(found[2]!.slice(1, -1).replace(/\\(.)/g, '$1'));
    at = entry.lastIndex;
    at += /^[\s,]*/.exec(body.slice(at, at + 64))![0].length;
  }
  return names.length > 0 ? names : null;
}
