// Where the time of looks goes: for each model and stage what is usual, what the slowest take, and how all are spread.
import { useEffect, useState } from 'react';
import type { LookLatencies } from '@ruth/protocol';
import { clockText, dateText } from '../wall-clock.ts';
import { latenciesBetween, looksIn, quantileMs, type Histogram } from './stage-histogram.ts';
import { STAGE_WORDS } from './stage-words.ts';
import type { Known } from './system-store.ts';

const ASK_EVERY_S = 5;
const LATELY_S = 60;
const BAR_PX = 9;
const HEIGHT_PX = 22;

/** `known` is asked every `ASK_EVERY_S`; what came in the last minute is counted while the page is shown. */
export function LatencyPanel({ known: { value, failure }, names }: { known: Known<LookLatencies>; names: ReadonlyMap<string, string> }) {
  const [lately, setLately] = useState(false);
  const [answers, setAnswers] = useState<readonly LookLatencies[]>([]);
  useEffect(() => { if (value) setAnswers((before) => [...before.slice(-LATELY_S / ASK_EVERY_S), value]); }, [value]);
  const shown = value && lately && answers[0] && answers[0] !== value ? latenciesBetween(answers[0], value) : value;
  return (
    <section className="panel latencies" aria-label="Where the time of looks goes">
      <div className="panel-head">
        <h3>Where the time of looks goes</h3>
        <div className="segments" role="group" aria-label="Of which time">
          <button type="button" aria-pressed={!lately} onClick={() => setLately(false)}>Since the start</button>
          <button type="button" aria-pressed={lately} onClick={() => setLately(true)}>Last minute</button>
        </div>
      </div>
      {value === null && <p className={failure ? 'problem' : 'hint'}>{failure ? `It is not known: ${failure.message}` : 'Loading'}</p>}
      {shown && <p className="hint">{lately ? 'Counted while this page is open, a minute at most' : `Since core started, ${dateText(shown.since)}, ${clockText(shown.since)}`}. Milliseconds; each bar is a length of time, as high as the looks that took so long.</p>}
      {shown?.models.length === 0 && <p className="hint">No model has looked yet.</p>}
      <div className="latency-models">{shown?.models.map(({ model_id: id, stages }) => <ModelLatency key={id} name={names.get(id) ?? id} boundsMs={shown.bounds_ms} stages={stages} />)}</div>
    </section>
  );
}

export const LATENCIES_EVERY_MS = ASK_EVERY_S * 1000;

function ModelLatency({ name, boundsMs, stages }: { name: string; boundsMs: readonly number[]; stages: LookLatencies['models'][number]['stages'] }) {
  const histograms = stages.map(({ stage, looks, sum_ms: sumMs }) => ({ stage, histogram: { boundsMs, looks, sumMs } }));
  const looks = Math.max(0, ...histograms.map(({ histogram }) => looksIn(histogram)));
  // One scale for all stages, from the first to the last length that any look took.
  const used = boundsMs.map((_, index) => index).concat(boundsMs.length).filter((index) => stages.some((stage) => (stage.looks[index] ?? 0) > 0));
  const [first, last] = [used[0] ?? 0, used.at(-1) ?? 0];
  const scale = `${msText(boundsMs[first - 1] ?? 0)} to ${boundsMs[last] === undefined ? `over ${msText(boundsMs.at(-1)!)}` : msText(boundsMs[last])}`;
  return (
    <div className="table-frame" tabIndex={0} role="group" aria-label={`Stages of ${name}`}>
      {looks === 0 ? <p className="hint"><strong>{name}</strong>: no look in this time.</p> : (
        <table className="stages">
          <caption><strong>{name}</strong>, {looks} {looks === 1 ? 'look' : 'looks'}</caption>
          <thead><tr><th scope="col">Stage</th><th scope="col">half in</th><th scope="col">95 % in</th><th scope="col">{scale}</th></tr></thead>
          <tbody>{histograms.map(({ stage, histogram }) => (
            <tr key={stage}>
              <th scope="row">{STAGE_WORDS[stage]}</th><td>{msText(quantileMs(histogram, 0.5))}</td><td>{msText(quantileMs(histogram, 0.95))}</td>
              <td><Bars histogram={histogram} first={first} last={last} /></td>
            </tr>
          ))}</tbody>
        </table>
      )}
    </div>
  );
}

function Bars({ histogram: { boundsMs, looks }, first, last }: { histogram: Histogram; first: number; last: number }) {
  const highest = Math.max(1, ...looks);
  const width = (last - first + 1) * BAR_PX;
  return (
    <svg className="bars" width={width} height={HEIGHT_PX} viewBox={`0 0 ${width} ${HEIGHT_PX}`} aria-hidden="true">
      {looks.slice(first, last + 1).map((count, index) => {
        const height = count === 0 ? 1 : Math.max(2, count / highest * HEIGHT_PX);
        return <rect key={first + index} data-empty={count === 0} x={index * BAR_PX} y={HEIGHT_PX - height} width={BAR_PX - 1.5} height={height}><title>{count} up to {msText(boundsMs[first + index] ?? null)} ms</title></rect>;
      })}
    </svg>
  );
}

/** As few digits as tell something. */
function msText(ms: number | null): string {
  return ms === null ? '\u2013' : ms >= 9.95 ? String(Math.round(ms)) : ms >= 0.995 ? ms.toFixed(1) : ms === 0 ? '0' : ms.toFixed(2).replace(/0$/, '');
}
