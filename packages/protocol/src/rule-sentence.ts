// A rule as a sentence, read and written:
//
//   [when] person [or car] CONDITION [and CONDITION]... [between 22:00 and 06:00] [on fri, sat] [then event "x"] [severity high]
//
//   CONDITION  in zone "z" | outside zone "z" | faster than 2 m/s | slower than 5 km/h | heading left [within 30 degrees] | is lying   [for 10 s]
//              enters zone "z" | leaves zone "z" | crosses line "l" [in | out]                                                       [within 30 s]
//              at least 5 person [or car] [in zone "z"] | at most ... | no person ... | any person ...                               [for 10 s]
//
// What counts objects may stand alone or first, without a subject. Names that are no plain words stand in quotes.
import { ID_PATTERN } from './ids.ts';
import {
  DAYS, HEADINGS, OBJECT_STATES, SEVERITIES, SPEED_UNITS, TIME_OF_DAY_PATTERN,
  type Condition, type Day, type Heading, type ObjectState, type RuleConfig, type Severity, type SpeedUnit,
} from './rules.ts';

/** What a sentence says of a rule. */
export type RuleSentence = Pick<RuleConfig, 'during' | 'event' | 'severity'> & { objects?: string[]; when: Condition[] };

/** Says at which word a sentence is no rule, and what could stand there. */
export class SentenceError extends Error {}

const TOKEN = /\s*(?:"([^"]*)"|(,)|([^\s",]+))/y;
const SECONDS: Readonly<Record<string, number>> = { s: 1, sec: 1, second: 1, seconds: 1, min: 60, minute: 60, minutes: 60, h: 3600, hour: 3600, hours: 3600 };
const timeOfDay = new RegExp(TIME_OF_DAY_PATTERN);
const idPattern = new RegExp(ID_PATTERN);
/** Words of the grammar: a class of that name stands in quotes. */
const RESERVED = new Set([
  'when', 'and', 'or', 'in', 'outside', 'enters', 'leaves', 'crosses', 'faster', 'slower', 'heading', 'is', 'at', 'no', 'any', 'for', 'within', 'between', 'on', 'then', 'event', 'severity', 'zone', 'line', 'object', 'objects',
]);

/** Throws `SentenceError`. */
export function parseRuleSentence(text: string): RuleSentence {
  const words = new Words(text);
  words.take('when');
  const sentence: RuleSentence = { when: [] };
  if (!words.isNext(...COUNTERS)) {
    const objects = classesOf(words);
    if (objects !== null) sentence.objects = objects;
  }
  do sentence.when.push(conditionOf(words)); while (words.take('and'));
  const during = duringOf(words);
  if (during) sentence.during = during;
  if (words.take('then')) {
    words.expect('event');
    sentence.event = words.name('the name of the event');
  }
  if (words.take('severity')) sentence.severity = words.oneOf<Severity>(SEVERITIES);
  words.expectEnd();
  return sentence;
}

const COUNTERS = ['at', 'no'];

function conditionOf(words: Words): Condition {
  if (words.take('in')) return { in_zone: zoneOf(words), ...forOf(words) };
  if (words.take('outside')) return { outside_zone: zoneOf(words), ...forOf(words) };
  if (words.take('enters')) return { enters_zone: zoneOf(words), ...withinOf(words) };
  if (words.take('leaves')) return { leaves_zone: zoneOf(words), ...withinOf(words) };
  if (words.take('crosses')) {
    words.expect('line');
    const crosses_line = words.id('the name of a line');
    const direction = words.take('in') ? 'in' : words.take('out') ? 'out' : undefined;
    return { crosses_line, ...(direction ? { direction } : {}), ...withinOf(words) };
  }
  if (words.take('faster')) return { faster_than: thanOf(words), unit: words.oneOf<SpeedUnit>(SPEED_UNITS), ...forOf(words) };
  if (words.take('slower')) return { slower_than: thanOf(words), unit: words.oneOf<SpeedUnit>(SPEED_UNITS), ...forOf(words) };
  if (words.take('heading')) return headingOf(words);
  if (words.take('is')) return { is: words.oneOf<ObjectState>(OBJECT_STATES), ...forOf(words) };
  if (words.isNext(...COUNTERS)) return countOf(words);
  throw words.unexpected('in, outside, enters, leaves, crosses, faster, slower, heading, is, at least, at most, no');
}

function countOf(words: Words): Condition {
  let bounds: { at_least: number } | { at_most: number };
  if (words.take('no')) bounds = { at_most: 0 };
  else {
    words.expect('at');
    const key = words.oneOf(['least', 'most']) === 'least' ? 'at_least' : 'at_most';
    bounds = { [key]: words.number('a number of objects') } as typeof bounds;
  }
  const classes = classesOf(words);
  const zone = words.take('in') ? zoneOf(words) : undefined;
  return { count: classes ?? 'any', ...(zone === undefined ? {} : { zone }), ...bounds, ...forOf(words) };
}

function headingOf(words: Words): Condition {
  const word = words.isNumber() ? words.number('degrees') : words.oneOf<Heading>(HEADINGS);
  if (typeof word === 'number') words.expect('degrees');
  const within = words.take('within') ? words.number('degrees') : null;
  if (within !== null) words.expect('degrees');
  return { heads: word, ...(within === null ? {} : { within_degrees: within }), ...forOf(words) };
}

function duringOf(words: Words): RuleConfig['during'] {
  const during: RuleConfig['during'] = {};
  if (words.take('between')) {
    const from = words.timeOfDay();
    words.expect('and');
    during.between = [from, words.timeOfDay()];
  }
  if (words.take('on')) {
    during.days = [];
    do during.days.push(words.oneOf<Day>(DAYS)); while (words.take(','));
  }
  return Object.keys(during).length === 0 ? undefined : during;
}

/** Null for any object. */
function classesOf(words: Words): string[] | null {
  if (words.take('any')) {
    words.take('object');
    return null;
  }
  if (words.take('object') || words.take('objects')) return null;
  const classes: string[] = [];
  do classes.push(words.name('a class of objects, such as person')); while (words.take('or'));
  return classes;
}

function zoneOf(words: Words): string {
  words.expect('zone');
  return words.id('the name of a zone');
}

function thanOf(words: Words): number {
  words.expect('than');
  return words.number('a speed');
}

const forOf = (words: Words): { for_s?: number } => (words.take('for') ? { for_s: words.duration() } : {});
const withinOf = (words: Words): { within_s?: number } => (words.take('within') ? { within_s: words.duration() } : {});

/** The words of a sentence, read from the left. */
class Words {
  readonly #tokens: { readonly text: string; readonly quoted: boolean }[] = [];
  #next = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    let end = 0;
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
      this.#tokens.push({ text: match[1] ?? match[2] ?? match[3]!, quoted: match[1] !== undefined });
      end = TOKEN.lastIndex;
    }
    if (text.slice(end).trim() !== '') throw new SentenceError(`a quote is left open at ${text.slice(end).trim()}`);
  }

  isNext(...words: readonly string[]): boolean {
    const token = this.#tokens[this.#next];
    return token !== undefined && !token.quoted && words.includes(token.text);
  }

  isNumber(): boolean {
    const token = this.#tokens[this.#next];
    return token !== undefined && !token.quoted && Number.isFinite(Number(token.text));
  }

  take(word: string): boolean {
    if (!this.isNext(word)) return false;
    this.#next++;
    return true;
  }

  expect(word: string): void {
    if (!this.take(word)) throw this.unexpected(word);
  }

  expectEnd(): void {
    if (this.#next < this.#tokens.length) throw this.unexpected('and, between, on, then event, severity, or the end');
  }

  /** A quoted text, or a word that is none of the grammar's. */
  name(what: string): string {
    const token = this.#tokens[this.#next];
    if (token === undefined || token.text === '' || (!token.quoted && (RESERVED.has(token.text) || token.text === ','))) throw this.unexpected(what);
    this.#next++;
    return token.text;
  }

  id(what: string): string {
    const token = this.#tokens[this.#next];
    if (token === undefined || !idPattern.test(token.text)) throw this.unexpected(what);
    this.#next++;
    return token.text;
  }

  oneOf<T extends string>(words: readonly T[]): T {
    if (!this.isNext(...words)) throw this.unexpected(words.join(', '));
    return this.#tokens[this.#next++]!.text as T;
  }

  number(what: string): number {
    if (!this.isNumber()) throw this.unexpected(what);
    return Number(this.#tokens[this.#next++]!.text);
  }

  timeOfDay(): string {
    const token = this.#tokens[this.#next];
    if (token === undefined || !timeOfDay.test(token.text)) throw this.unexpected('a time of day from 00:00 to 24:00');
    this.#next++;
    return token.text;
  }

  /** `10 s`, `10s`, `2 min`, `1.5 h`. */
  duration(): number {
    const joined = /^([\d.]+)([a-z]+)$/.exec(this.#tokens[this.#next]?.text ?? '');
    if (joined && SECONDS[joined[2]!] !== undefined && Number.isFinite(Number(joined[1]))) {
      this.#next++;
      return Number(joined[1]) * SECONDS[joined[2]!]!;
    }
    return this.number('a duration such as 10 s') * SECONDS[this.oneOf(Object.keys(SECONDS))]!;
  }

  unexpected(wanted: string): SentenceError {
    const token = this.#tokens[this.#next];
    const place = this.#next === 0 ? 'at the beginning' : `after ${JSON.stringify(this.#tokens.slice(Math.max(0, this.#next - 3), this.#next).map(({ text }) => text).join(' '))}`;
    return new SentenceError(`${place} ${token === undefined ? 'something is missing' : `stands ${JSON.stringify(token.text)}`}; there can be: ${wanted}`);
  }
}

/** The sentence of a condition: `parseRuleSentence` reads it again. */
export function conditionText(condition: Condition): string {
  const held = 'for_s' in condition && condition.for_s !== undefined ? ` for ${durationText(condition.for_s)}` : '';
  const within = 'within_s' in condition && condition.within_s !== undefined ? ` within ${durationText(condition.within_s)}` : '';
  if ('in_zone' in condition) return `in zone "${condition.in_zone}"${held}`;
  if ('outside_zone' in condition) return `outside zone "${condition.outside_zone}"${held}`;
  if ('enters_zone' in condition) return `enters zone "${condition.enters_zone}"${within}`;
  if ('leaves_zone' in condition) return `leaves zone "${condition.leaves_zone}"${within}`;
  if ('crosses_line' in condition) return `crosses line "${condition.crosses_line}"${condition.direction ? ` ${condition.direction}` : ''}${within}`;
  if ('faster_than' in condition) return `faster than ${condition.faster_than} ${condition.unit}${held}`;
  if ('slower_than' in condition) return `slower than ${condition.slower_than} ${condition.unit}${held}`;
  if ('heads' in condition) {
    const within_degrees = condition.within_degrees === undefined ? '' : ` within ${condition.within_degrees} degrees`;
    return `heading ${condition.heads}${typeof condition.heads === 'number' ? ' degrees' : ''}${within_degrees}${held}`;
  }
  if ('is' in condition) return `is ${condition.is}${held}`;
  const { count, zone, at_least: atLeast, at_most: atMost } = condition;
  const bound = atLeast !== undefined ? `at least ${atLeast}` : `at most ${atMost}`;
  const what = count === 'any' ? 'any object' : classesText(typeof count === 'string' ? [count] : count);
  return `${bound} ${what}${zone === undefined ? '' : ` in zone "${zone}"`}${held}`;
}

export function classesText(classes: readonly string[]): string {
  return classes.map((name) => (/^[A-Za-z][\w-]*$/.test(name) && !RESERVED.has(name) ? name : JSON.stringify(name))).join(' or ');
}

function durationText(seconds: number): string {
  if (seconds >= 3600 && seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds >= 120 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
