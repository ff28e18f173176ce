// What other rules would have made of looks that were kept: the same understanding as live, over the same looks, ends and stillness. Pure.
import { EVENT_VERSION, MOST_TESTED_ALERTS, type AlertClearedEvent, type AlertRaisedEvent, type CoreEvent, type RuleTest } from '@ruth/protocol';
import type { EventContent } from '@ruth/transport';
import { Understanding, type CameraMeaning, type UnderstandingOptions } from '../understanding/understanding.ts';
import type { Entry } from './look-entries.ts';

/** As live: who has not looked for so long, or for three of its intervals, saw nothing of it. */
const BLIND_S = 10;
const BLIND_INTERVALS = 3;
/** Before the first look of a span: longer is a time in which nobody looked. */
const LATE_S = 1;
/** How life goes on is no event of its own. */
const NOT_COUNTED: ReadonlySet<string> = new Set(['detection', 'track.updated', 'alert.raised', 'alert.cleared']);

export interface RehearsalOptions extends Omit<UnderstandingOptions, 'sharpness' | 'describes'> {
  /** UTC, seconds. What was before `start` is understood too, and not told. */
  readonly start: number;
  readonly end: number;
  readonly keptSince: number | null;
}

export function rehearse(entries: Iterable<Entry>, meaning: CameraMeaning, options: RehearsalOptions): RuleTest {
  const { cameraId, start, end, keptSince } = options;
  const understanding = new Understanding(options, meaning);
  const told = new Told(start);
  const models = new Map<string, RuleTest['models'][number]>();
  const sights = new Sights(start, end);
  const count = (modelId: string, at: number, what: 'looks' | 'failed' | 'held'): void => {
    if (at < start) return;
    const counts = models.get(modelId) ?? { model_id: modelId, looks: 0, failed: 0, held: 0 };
    models.set(modelId, counts);
    counts[what]++;
  };
  for (const entry of entries) {
    const at = timeOf(entry);
    if (at > end) break;
    told.take(understanding.tick(at), at);
    switch (entry.kind) {
      case 'end':
        told.take(understanding.end(entry.reason, entry.modelId ?? undefined), at);
        break;
      case 'failed':
        count(entry.modelId, at, 'failed');
        break;
      case 'held':
        count(entry.modelId, at, 'held');
        sights.saw(at);
        told.take(understanding.hold(entry.modelId, entry.frame), at);
        break;
      case 'look':
        count(entry.look.model_id, at, 'looks');
        sights.saw(at);
        told.take(understanding.follow(entry.look).events, at);
    }
  }
  return { camera_id: cameraId, start, end, kept_since: keptSince, models: [...models.values()], unseen: sights.unseen(), alerts: told.alerts, alerts_left_out: told.alertsLeftOut, events: told.events };
}

const timeOf = (entry: Entry): number => (entry.kind === 'end' ? entry.at : entry.kind === 'look' ? entry.look.captured_at : entry.frame.captured_at);

/** The events that count: those of the span that was asked for. */
class Told {
  readonly #start: number;
  readonly alerts: RuleTest['alerts'] = [];
  readonly #open = new Map<string, RuleTest['alerts'][number]>();
  alertsLeftOut = 0;
  readonly events: Record<string, number> = {};
  #count = 0;

  constructor(start: number) { this.#start = start; }

  take(contents: readonly EventContent<CoreEvent>[], at: number): void {
    for (const content of contents) {
      const event = { id: ++this.#count, version: EVENT_VERSION, at, ...content } as CoreEvent;
      if (event.type === 'alert.cleared') this.#cleared(event);
      else if (at < this.#start) continue;
      else if (event.type === 'alert.raised') this.#raised(event);
      else if (!NOT_COUNTED.has(event.type)) this.events[event.type] = (this.events[event.type] ?? 0) + 1;
    }
  }

  #raised(raised: AlertRaisedEvent): void {
    if (this.alerts.length >= MOST_TESTED_ALERTS) return void this.alertsLeftOut++;
    const alert = { raised, cleared: null };
    this.alerts.push(alert);
    this.#open.set(raised.alert_id, alert);
  }

  #cleared(cleared: AlertClearedEvent): void {
    const alert = this.#open.get(cleared.alert_id);
    if (alert) alert.cleared = cleared;
    this.#open.delete(cleared.alert_id);
  }
}

/** When somebody looked. */
class Sights {
  readonly #start: number;
  readonly #end: number;
  readonly #unseen: { start: number; end: number }[] = [];
  #lastS: number | null = null;
  #intervalS = 0;

  constructor(start: number, end: number) {
    this.#start = start;
    this.#end = end;
  }

  saw(at: number): void {
    if (at >= this.#start) this.#gap(at);
    if (this.#lastS !== null && at - this.#lastS <= this.#longest()) this.#intervalS = Math.max(0, at - this.#lastS);
    this.#lastS = Math.max(at, this.#lastS ?? at);
  }

  unseen(): { start: number; end: number }[] {
    this.#gap(this.#end);
    return this.#unseen;
  }

  /** Up to `at`, since the last look. */
  #gap(at: number): void {
    const isLong = this.#lastS === null ? at - this.#start > LATE_S : at - this.#lastS > this.#longest();
    if (isLong) this.#unseen.push({ start: Math.max(this.#lastS ?? this.#start, this.#start), end: at });
  }

  #longest(): number { return Math.max(BLIND_S, BLIND_INTERVALS * this.#intervalS); }
}
