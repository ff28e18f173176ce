// When a rule applies: a span of the day and days of the week, in the time of a place. A night belongs to the day on which it begins.
import { DAYS, type Day, type Rule } from '@ruth/protocol';

const DAY_MINUTES = 1440;

export class TimeWindow {
  readonly #between: Rule['betweenMinutes'];
  readonly #days: readonly Day[] | null;
  readonly #format: Intl.DateTimeFormat | null;
  #minute = NaN;
  #applies = true;

  /** Null for `timeZone`: that of this machine. */
  constructor({ betweenMinutes, days, timeZone }: Pick<Rule, 'betweenMinutes' | 'days' | 'timeZone'>) {
    this.#between = betweenMinutes;
    this.#days = days;
    this.#format = betweenMinutes === null && days === null ? null
      : new Intl.DateTimeFormat('en-GB', { ...(timeZone === null ? {} : { timeZone }), weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  }

  /** `at`: UTC, seconds. */
  applies(at: number): boolean {
    if (this.#format === null) return true;
    const minute = Math.floor(at / 60);
    if (minute !== this.#minute) this.#applies = this.#judge(this.#format, at);
    this.#minute = minute;
    return this.#applies;
  }

  #judge(format: Intl.DateTimeFormat, at: number): boolean {
    const parts = Object.fromEntries(format.formatToParts(at * 1000).map(({ type, value }) => [type, value]));
    const minute = Number(parts.hour) * 60 + Number(parts.minute);
    const today = DAYS.indexOf(parts.weekday!.toLowerCase() as Day);
    const isDay = (day: number): boolean => this.#days === null || this.#days.includes(DAYS[(day + 7) % 7]!);
    const [from, to] = this.#between ?? [0, DAY_MINUTES];
    if (from < to) return minute >= from && minute < to && isDay(today);
    return (minute >= from && isDay(today)) || (minute < to && isDay(today - 1));
  }
}
