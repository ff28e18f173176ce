// One colour per class name, the same on every camera and every day. All are light enough for near-black text on them.

const PALETTE = ['#5eead4', '#fbbf24', '#f9a8d4', '#93c5fd', '#bef264', '#fdba74', '#c4b5fd', '#67e8f9', '#fca5a5', '#86efac', '#f0abfc', '#fde047'] as const;
/** What is watched for most gets the first colours; every other class is spread over the palette by its name. */
const FIRST = ['person', 'car', 'bicycle', 'truck', 'dog'];

export function classColour(className: string): string {
  const first = FIRST.indexOf(className);
  if (first >= 0) return PALETTE[first]!;
  let hash = 2166136261;
  for (let index = 0; index < className.length; index++) hash = Math.imul(hash ^ className.charCodeAt(index), 16777619);
  return PALETTE[(hash >>> 0) % PALETTE.length]!;
}

export const LABEL_TEXT_COLOUR = '#0b1016';
