// What may be chosen of the events. The choices for class and zone are those that there are events of.
import type { CameraStatus, EventCounts } from '@ruth/protocol';
import { usePolled } from '../system/use-polled.ts';
import { EVERY_EVENT, EVENT_KINDS, eventApiQuery, PERIODS, type EventFilter, type EventKind, type Period } from './event-filter.ts';

const KIND_WORDS: Record<EventKind, string> = {
  matters: 'What matters', alerts: 'Alerts of rules', zones: 'Zones and lines', people: 'Falls and postures', objects: 'Objects left and removed', tracks: 'All that came and went', system: 'Cameras, models, disk', all: 'Everything',
};
const PERIOD_WORDS: Record<Period, string> = { '1h': 'Last hour', '24h': 'Last 24 hours', '7d': 'Last 7 days', all: 'All time' };
const SCORES = [0, 0.3, 0.5, 0.7, 0.9];
const COUNT_EVERY_MS = 60_000;
/** Choices are counted over so many days, and asked anew each hour. */
const COUNTED_S = 7 * 86_400;
const HOUR_S = 3600;

export function EventFilters({ filter, cameras, onChange }: { filter: EventFilter; cameras: readonly CameraStatus[]; onChange: (filter: EventFilter) => void }) {
  const classes = useCounted('class', filter.className);
  const zones = useCounted('zone', filter.zone);
  const change = (part: Partial<EventFilter>): void => onChange({ ...filter, ...part });
  return (
    <div className="event-filters" role="group" aria-label="Filters">
      <Choice label="Kind" value={filter.kind} choices={(Object.keys(EVENT_KINDS) as EventKind[]).map((kind) => [kind, KIND_WORDS[kind]])} onChange={(kind) => change({ kind: kind as EventKind })} />
      <Choice label="Time" value={filter.period} choices={(Object.keys(PERIODS) as Period[]).map((period) => [period, PERIOD_WORDS[period]])} onChange={(period) => change({ period: period as Period })} />
      <Choice label="Camera" value={filter.cameraId ?? ''} choices={[['', 'All cameras'], ...cameras.map(({ camera_id, name }) => [camera_id, name] as const)]} onChange={(id) => change({ cameraId: id || null })} />
      <Choice label="Class" value={filter.className ?? ''} choices={[['', 'All classes'], ...classes.map((name) => [name, name] as const)]} onChange={(name) => change({ className: name || null })} />
      <Choice label="Zone or line" value={filter.zone ?? ''} choices={[['', 'All zones'], ...zones.map((name) => [name, name] as const)]} onChange={(name) => change({ zone: name || null })} />
      <Choice label="Confidence" value={String(filter.minScore)} choices={SCORES.map((score) => [String(score), score === 0 ? 'Any confidence' : `${score * 100} % and more`])} onChange={(score) => change({ minScore: Number(score) })} />
      <button type="button" className="text-button" disabled={Object.entries(EVERY_EVENT).every(([key, value]) => filter[key as keyof EventFilter] === value)} onClick={() => onChange(EVERY_EVENT)}>Clear</button>
    </div>
  );
}

function Choice({ label, value, choices, onChange }: { label: string; value: string; choices: readonly (readonly [value: string, words: string])[]; onChange: (value: string) => void }) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {!choices.some(([each]) => each === value) && <option value={value}>{value}</option>}
      {choices.map(([each, words]) => <option key={each} value={each}>{words}</option>)}
    </select>
  );
}

/** Names of which there were events lately, those with most first. */
function useCounted(by: 'class' | 'zone', chosen: string | null): string[] {
  const hour = Math.ceil(Date.now() / 1000 / HOUR_S) * HOUR_S;
  const query = eventApiQuery({ ...EVERY_EVENT, kind: 'all', period: 'all' }, hour);
  query.set('start', String(hour - COUNTED_S));
  query.set('end', String(hour));
  query.set('by', by);
  const { value } = usePolled<EventCounts>(`events/counts?${query}`, COUNT_EVERY_MS);
  const sums = new Map<string, number>(chosen === null ? [] : [[chosen, 0]]);
  for (const { value: name, events } of value?.counts ?? []) if (name) sums.set(name, (sums.get(name) ?? 0) + events);
  return [...sums].toSorted((a, b) => b[1] - a[1]).map(([name]) => name);
}
