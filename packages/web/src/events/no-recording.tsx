// In place of the picture of an event whose moment is not, or not any more, recorded: since when, and why, as far as the timeline tells.
import type { Timeline } from '@ruth/protocol';
import { GAP_WORDS, sentence } from '../recordings/gap-cause.ts';
import { usePolled } from '../system/use-polled.ts';
import { clockText, dateText } from '../wall-clock.ts';

const ASK_ONCE_MS = 3_600_000;
/** To either side of the moment. */
const AROUND_S = 1;

export function NoRecording({ cameraId, atS }: { cameraId: string; atS: number }) {
  const { value, failure } = usePolled<Timeline>(`cameras/${encodeURIComponent(cameraId)}/timeline?start=${atS - AROUND_S}&end=${atS + AROUND_S}`, ASK_ONCE_MS);
  return (
    <div className="event-picture" data-state="not-recorded" role="status">
      <p><strong>This moment is not recorded.</strong> {value ? whyNotRecorded(value, atS) : failure === null ? '' : failure.code === 'recording_off' ? 'Recording is switched off.' : `Why is not known: ${failure.message}.`}</p>
    </div>
  );
}

/** A sentence or two. */
export function whyNotRecorded({ oldest, gaps }: Pick<Timeline, 'oldest' | 'gaps'>, atS: number): string {
  const gap = gaps.find(({ start, end }) => start <= atS && (end === null || end > atS));
  if (gap) {
    const { title, help } = GAP_WORDS[gap.cause];
    return `From ${dateText(gap.start)}, ${clockText(gap.start)}, ${gap.end === null ? 'on' : `to ${clockText(gap.end)}`} nothing was recorded: ${title.toLowerCase()}. ${sentence(gap.message ?? help)}`;
  }
  if (oldest === null) return 'Nothing of this camera is recorded.';
  if (oldest > atS) return `What was recorded then was deleted to make room, or because of its age: the oldest that is left is of ${dateText(oldest)}, ${clockText(oldest)}. The event itself is kept longer.`;
  return 'What was recorded then is gone, or nothing was.';
}
