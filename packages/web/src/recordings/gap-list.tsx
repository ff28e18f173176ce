// The gaps of the days that are shown, newest first, which also explains the colours of the timeline.
import type { Timeline } from '@ruth/protocol';
import { clockText, durationText } from '../wall-clock.ts';
import { GAP_WORDS, gapFamily, sentence } from './gap-cause.ts';

const MOST = 100;

export function GapList({ timeline, nowS, onChoose }: { timeline: Timeline; nowS: number; onChoose: (atS: number) => void }) {
  const gaps = timeline.gaps.toSorted((a, b) => b.start - a.start);
  const recordedS = timeline.spans.reduce((sum, { start, end }) => sum + end - start, 0);
  return (
    <section className="panel" aria-label="Gaps">
      <div className="panel-head">
        <h2>Gaps</h2>
        <span className="hint">{recordedS > 0 ? `${durationText(recordedS)} recorded` : 'nothing recorded'}</span>
      </div>
      {gaps.length === 0 && <p className="hint">None: all that was to be recorded was.</p>}
      <ul className="gaps">
        {gaps.slice(0, MOST).map((gap) => (
          <li key={gap.start}>
            <button type="button" onClick={() => onChoose(gap.start - 3)} title="Play the seconds before it">
              <span className={`gap-key gap-${gapFamily(gap.cause)}`} aria-hidden="true" />
              <span className="gap-time">{clockText(gap.start)}</span>
              <span className="gap-cause">{GAP_WORDS[gap.cause].title}</span>
              <span className="gap-length">{gap.end === null ? `${durationText(nowS - gap.start)}, goes on` : durationText(gap.end - gap.start)}</span>
              <span className="gap-why">{sentence(gap.message ?? GAP_WORDS[gap.cause].help)}</span>
            </button>
          </li>
        ))}
      </ul>
      {gaps.length > MOST && <p className="hint">and {gaps.length - MOST} more</p>}
    </section>
  );
}
