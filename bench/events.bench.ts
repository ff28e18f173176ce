// Stored events: how fast ten million of them are searched, whatever is asked for, and how fast more of them are stored beside
// that, through the store's own threads. The events are generated in the database, so that it is ready in a minute or two.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openStore, type EventRow, type EventSearch, type Store } from '@ruth/server/store';
import type { Bench } from './runner.ts';

const EVENTS = Number(process.env.RUTH_BENCH_EVENTS ?? 10_000_000);
const DAYS = 30;
const DAY_US = 86_400e6;
const HOUR_US = 3600e6;
const END_US = Date.UTC(2026, 5, 1) * 1000;
const START_US = END_US - DAYS * DAY_US;
const CAMERAS = 32;
const CLASSES = ['person', 'car', 'bicycle', 'dog', 'truck', 'bus', 'cat', 'bird', 'motorcycle', 'bear'];
const TYPES = ['track.started', 'track.ended', 'zone.entered', 'zone.left', 'line.crossed', 'dwell', 'alert.raised', 'fall'];
const ZONES = ['', 'yard', 'gate', 'drive', 'door'];
const SEARCHES = 600;
const INSERTED = 60_000;
const BATCH = 512;
const BODY = JSON.stringify({
  id: 1_780_000_000_000_000, version: 1, at: 1_780_000_000.123, type: 'zone.entered', camera_id: 'camera-17', model_id: 'detector', frame_id: 123_456_789, captured_at: 1_780_000_000.123, recording_at: 1_780_000_000.123,
  zone: 'yard', track: { id: 12_345, class_id: 0, class_name: 'person', confidence: 0.8765, bbox: [0.1234, 0.2345, 0.3456, 0.4567], first_seen: 1_780_000_000.1, last_seen: 1_780_000_001.1, stationary: false, zones: ['yard'] },
});

export const bench: Bench = async (report) => {
  const directory = mkdtempSync('/tmp/ruth-bench-events-');
  const file = join(directory, 'ruth.sqlite');
  try {
    await (await openStore({ kind: 'sqlite', file }))[Symbol.asyncDispose]();
    const series = generate(file, report);
    await using store = await openStore({ kind: 'sqlite', file });
    const bytes = statSync(file).size;
    report(`${EVENTS} events of ${series} series, ${(bytes / 1e9).toFixed(2)} GB`);
    const searches = await search(store, report);
    const insert = await insertion(store);
    return { ...searches, ...insert, events: EVENTS, series, file_gb: round(bytes / 1e9, 2) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

/** Some cameras, classes and types are a hundred times rarer than others, nights are quieter than days. */
function generate(file: string, report: (line: string) => void): number {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -262144');
  const weights: number[] = [];
  const insertSeries = database.prepare('INSERT INTO event_series (type, camera, model, class_name, zones, rule) VALUES (?, ?, ?, ?, ?, ?)');
  database.exec('BEGIN');
  for (let camera = 0; camera < CAMERAS; camera++) for (const [kind, name] of CLASSES.entries()) for (const [number, type] of TYPES.entries()) for (const zone of ZONES) {
    const needsZone = /^(zone|line|dwell)/.test(type);
    if (needsZone !== (zone !== '')) continue;
    insertSeries.run(type, `camera-${camera}`, 'detector', name, zone, type === 'alert.raised' ? 'night' : '');
    weights.push(1 / (1 + camera) / (1 + kind) ** 1.5 / (1 + number));
  }
  database.exec('COMMIT');
  // A series for a number from 0 to 65535, by weight; the rarest have at least one of them.
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  database.exec('CREATE TEMP TABLE pick (number INTEGER PRIMARY KEY, series_id INTEGER NOT NULL)');
  const insertPick = database.prepare('INSERT INTO pick VALUES (?, ?)');
  database.exec('BEGIN');
  let number = 0;
  for (const [index, weight] of weights.entries()) for (let count = Math.max(1, Math.round(weight / total * 60_000)); count > 0 && number < 65_536; count--) insertPick.run(number++, index + 1);
  database.exec('COMMIT');
  const stepUs = (END_US - START_US) / EVENTS;
  const fill = database.prepare(`
    WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)
    INSERT INTO events (source, source_id, series_id, at_us, score, body)
    SELECT 'core', i, (SELECT series_id FROM pick WHERE number = (random() & 1048575) % ${number}), CAST(${START_US} + i * ${stepUs} + (random() & 65535) AS INTEGER), 0.5 + 0.5 * (random() & 65535) / 65535.0, :body FROM n`);
  const startedMs = performance.now();
  const chunk = Math.min(EVENTS, 1_000_000);
  database.exec('DROP INDEX events_by_time; DROP INDEX events_by_series');
  for (let first = 0; first < EVENTS; first += chunk) fill.run({ first, last: Math.min(first + chunk, EVENTS), body: BODY });
  report(`generated after ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
  database.exec('CREATE INDEX events_by_time ON events (at_us, id); CREATE INDEX events_by_series ON events (series_id, at_us, score)');
  report(`indexed after ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
  database.exec(`INSERT INTO event_hours (hour, series_id, events, max_score) SELECT at_us / ${HOUR_US} AS hour, series_id, count(*), max(score) FROM events GROUP BY hour, series_id`);
  report(`counted after ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
  database.close();
  return weights.length;
}

const NOTHING: EventSearch = { types: null, cameras: null, models: null, classes: null, zones: null, rules: null, minScore: null, startUs: START_US, endUs: END_US, cursor: null, limit: 50 };

async function search(store: Store, report: (line: string) => void): Promise<Record<string, number>> {
  let seed = 1;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const camera = (): string => `camera-${Math.floor(random() * CAMERAS)}`;
  const filters: Record<string, () => Partial<EventSearch>> = {
    none: () => ({}),
    camera: () => ({ cameras: [camera()] }),
    class: () => ({ classes: [one(CLASSES)] }),
    type: () => ({ types: [one(TYPES)] }),
    zone: () => ({ zones: [one(ZONES.slice(1))] }),
    score: () => ({ minScore: one([0.6, 0.9, 0.99, 0.9999]) }),
    'camera, class': () => ({ cameras: [camera()], classes: [one(CLASSES)] }),
    'camera, class, type, score': () => ({ cameras: [camera()], classes: [one(CLASSES)], types: [one(TYPES)], minScore: one([0.6, 0.9, 0.99, 0.9999]) }),
    'class, score': () => ({ classes: [one(CLASSES)], minScore: one([0.9, 0.99, 0.9999]) }),
    'zone, type, cameras': () => ({ zones: [one(ZONES.slice(1))], types: [one(TYPES)], cameras: [camera(), camera(), camera()] }),
    'classes, types, score': () => ({ classes: [one(CLASSES), one(CLASSES)], types: [one(TYPES), one(TYPES)], minScore: one([0.9, 0.999]) }),
  };
  const kinds = Object.entries(filters);
  const byKind = new Map<string, number[]>();
  const all: number[] = [];
  for (let count = 0; count < SEARCHES; count++) {
    const [kind, filter] = kinds[count % kinds.length]!;
    const spanUs = one([HOUR_US, DAY_US, 7 * DAY_US, DAYS * DAY_US]);
    const startUs = START_US + random() * (END_US - START_US - spanUs);
    const first: EventSearch = { ...NOTHING, ...filter(), startUs: Math.floor(startUs), endUs: Math.floor(startUs + spanUs) };
    // Two pages of each.
    for (let page = 0, cursor: EventSearch['cursor'] = null; page < 2 && (page === 0 || cursor); page++) {
      const beganMs = performance.now();
      const found: Awaited<ReturnType<typeof store.read<'searchEvents'>>> = await store.read('searchEvents', { ...first, cursor });
      const tookMs = performance.now() - beganMs;
      cursor = found.next;
      all.push(tookMs);
      byKind.set(kind, [...byKind.get(kind) ?? [], tookMs]);
    }
  }
  for (const [kind, times] of byKind) report(`by ${kind}: p50 ${quantile(times, 0.5).toFixed(1)} ms, p95 ${quantile(times, 0.95).toFixed(1)} ms, worst ${Math.max(...times).toFixed(1)} ms`);
  const counts: number[] = [];
  for (let count = 0; count < 60; count++) {
    const spanUs = one([DAY_US, 7 * DAY_US, DAYS * DAY_US]);
    const beganMs = performance.now();
    await store.read('countEvents', { ...NOTHING, ...kinds[count % kinds.length]![1](), startUs: END_US - spanUs });
    counts.push(performance.now() - beganMs);
  }
  return { search_p50_ms: round(quantile(all, 0.5), 2), search_p95_ms: round(quantile(all, 0.95), 1), search_worst_ms: round(Math.max(...all), 1), searches: all.length, counts_p95_ms: round(quantile(counts, 0.95), 1) };
}

/** While somebody searches without a pause. */
async function insertion(store: Store): Promise<Record<string, number>> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let isDone = false;
  const searching = (async () => { while (!isDone) await store.read('searchEvents', { ...NOTHING, classes: ['dog'] }); })();
  delay.enable();
  const startedMs = performance.now();
  for (let at = 0, lastId = -1; at < INSERTED; at += BATCH) {
    const events = Array.from({ length: BATCH }, (_, index): EventRow => ({
      sourceId: at + index, atUs: END_US + (at + index) * 1000, score: 0.8, body: BODY,
      series: { type: TYPES[index % TYPES.length]!, camera: `camera-${index % CAMERAS}`, model: 'detector', class_name: CLASSES[index % CLASSES.length]!, zones: '', rule: '' },
    }));
    const position = { epoch: 0, lastId: events.at(-1)!.sourceId };
    await store.write('append', { source: 'core', after: { epoch: 0, lastId }, position, events, tracks: [] });
    lastId = position.lastId;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  delay.disable();
  isDone = true;
  await searching;
  return { insert_per_s: Math.round(INSERTED / seconds), loop_delay_p99_ms: round(delay.percentile(99) / 1e6 - 1, 1) };
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
