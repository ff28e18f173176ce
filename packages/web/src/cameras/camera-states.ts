// In what state a camera is, in a word and a colour.
import type { CameraStatus } from '@ruth/protocol';

export const STATE_WORDS: Readonly<Record<CameraStatus['state'], string>> = { streaming: 'Streaming', connecting: 'Connecting', stalled: 'Stalled', down: 'Down' };
export const TONES: Readonly<Record<CameraStatus['state'], string>> = { streaming: 'good', connecting: 'warn', stalled: 'warn', down: 'bad' };
