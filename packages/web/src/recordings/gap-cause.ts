// Why a time is not recorded, in words and colours.
import type { GapCause } from '@ruth/protocol';

export interface GapWords { readonly title: string; readonly help: string }

export const GAP_WORDS: Record<GapCause, GapWords> = {
  camera_down: { title: 'Camera down', help: 'The camera did not answer. Check its power, network and address.' },
  camera_stalled: { title: 'Camera stalled', help: 'The camera was connected and sent no pictures.' },
  disk_full: { title: 'Disk full', help: 'Free space on the disk of the recordings, or lower max_size_gb.' },
  disk_slow: { title: 'Disk too slow', help: 'The disk could not take the video as fast as it came.' },
  disk_error: { title: 'Disk error', help: 'Writing failed. Check the disk and the log of the kernel.' },
  process_died: { title: 'Process ended', help: 'The process that records ended without a word and was started again.' },
  machine_off: { title: 'Machine was off', help: 'The machine that Ruth runs on was without power, or was started anew.' },
  stopped: { title: 'Stopped', help: 'Ruth was stopped, or recording was switched off.' },
  clock: { title: 'Clock set', help: 'The clock of this machine was set: these minutes never were.' },
  damaged: { title: 'Damaged', help: 'What was recorded here could not be read any more.' },
  unknown: { title: 'Not known', help: 'Nothing was recorded, and nothing says why yet.' },
};

/** What a part of Ruth says of a cause, to be read by itself. */
export function sentence(message: string): string {
  const text = message.trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** Red: the camera. Amber: the disk. Violet: Ruth itself, or its machine. Grey: on purpose, or nobody's doing. */
const FAMILIES = { camera: ['camera_down', 'camera_stalled'], disk: ['disk_full', 'disk_slow', 'disk_error', 'damaged'], ruth: ['process_died', 'machine_off', 'unknown'], none: ['stopped', 'clock'] } as const satisfies Record<string, readonly GapCause[]>;
export type GapFamily = keyof typeof FAMILIES;

export function gapFamily(cause: GapCause): GapFamily {
  return (Object.keys(FAMILIES) as GapFamily[]).find((family) => (FAMILIES[family] as readonly GapCause[]).includes(cause))!;
}
