// Who hears of what: an event fits one of the lists of a target, it is not its quiet time, and nothing alike was heard a moment ago.
import { DAYS, minutesOfDay, SEVERITIES, type HearingConfig, type Severity } from '@ruth/protocol';
import type { FoundEvent } from '../../store/index.ts';

interface EventFacts { readonly severity: Severity | null; readonly trackId: number | null }

const MOST_REMEMBERED = 4096;

/** Null where no list fits. */
export function hearingOf(hears: readonly HearingConfig[], event: FoundEvent): HearingConfig | null {
  const { severity } = factsOf(event);
  const { series } = event;
  const among = (wanted: readonly string[] | undefined, value: string): boolean => wanted === undefined || wanted.includes(value);
  return hears.find((hearing) => among(hearing.types, series.type) && among(hearing.cameras, series.camera) && among(hearing.classes, series.class_name) && among(hearing.rules, series.rule)
    && (hearing.zones === undefined || series.zones.split(',').some((zone) => hearing.zones!.includes(zone)))
    && (hearing.min_score === undefined || (event.score ?? 0) >= hearing.min_score)
    && (hearing.min_severity === undefined || (severity !== null && SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(hearing.min_severity)))) ?? null;
}

/** `atMs`: UTC. `timeZone`: IANA name; null for that of the machine. */
export function isQuiet({ quiet }: HearingConfig, atMs: number, timeZone: string | null): boolean {
  if (!quiet) return false;
  const parts = Object.fromEntries(new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', weekday: 'short', hour: '2-digit', minute: '2-digit', ...(timeZone === null ? {} : { timeZone }) }).formatToParts(atMs).map(({ type, value }) => [type, value]));
  const minutes = Number(parts.hour) * 60 + Number(parts.minute);
  const today = DAYS.indexOf(parts.weekday!.toLowerCase().slice(0, 3) as (typeof DAYS)[number]);
  const [from, to] = quiet.between ? quiet.between.map(minutesOfDay) as [number, number] : [0, 24 * 60];
  const isOn = (day: number): boolean => quiet.days === undefined || quiet.days.includes(DAYS[(day + 7) % 7]!);
  if (from < to) return isOn(today) && minutes >= from && minutes < to;
  // A night belongs to the day on which it begins.
  return (isOn(today) && minutes >= from) || (isOn(today - 1) && minutes < to);
}

/** Of one target. */
export class Cooldown {
  readonly #heardUs = new Map<string, number>();

  /** True where an event alike was heard too short a time before. */
  holds({ cooldown_s: seconds = 0 }: HearingConfig, event: FoundEvent): boolean {
    const before = seconds === 0 ? undefined : this.#heardUs.get(likenessOf(event));
    return before !== undefined && event.atUs - before < seconds * 1e6;
  }

  /** This one arrived, and counts from now on. */
  heard({ cooldown_s: seconds = 0 }: HearingConfig, event: FoundEvent): void {
    if (seconds === 0) return;
    const key = likenessOf(event);
    this.#heardUs.delete(key);
    this.#heardUs.set(key, event.atUs);
    if (this.#heardUs.size > MOST_REMEMBERED) this.#heardUs.delete(this.#heardUs.keys().next().value!);
  }
}

function likenessOf(event: FoundEvent): string {
  const { series } = event;
  const { trackId } = factsOf(event);
  return trackId === null ? `${series.camera} ${series.type} ${series.rule}` : `${series.camera} ${series.model} ${series.type} ${trackId}`;
}

export function factsOf({ body }: FoundEvent): EventFacts {
  const { severity, track, tracks } = JSON.parse(body) as { severity?: Severity; track?: { id: number }; tracks?: readonly { id: number }[] };
  return { severity: severity ?? null, trackId: track?.id ?? tracks?.[0]?.id ?? null };
}
