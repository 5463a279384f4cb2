import { roundDownTo, roundUp, roundUpTo } from '../../ground/rounding.ts';

/** Numbers, dates and spans as a language writes them. */
export interface Format {
  /** 1,482 */
  count(value: number): string;
  /** 0.84 */
  rate(value: number, digits?: number): string;
  /** 0.84; never certain or impossible by rounding: > 0.99, < 0.01. */
  probability(value: number): string;
  /** +0.09; used for differences. */
  signed(value: number, digits?: number): string;
  /** 18% */
  percent(share: number, digits?: number): string;
  /** Epsilon that was, or would be, spent, or may be: two places, rounded up; the infinity sign where it cannot be resolved. */
  epsilon(value: number): string;
  /** Epsilon that is left or was brought along: two places, rounded down. */
  epsilonLeft(value: number): string;
  /** Noise multiplier: two places, rounded down, since less noise protects less. */
  noise(multiplier: number): string;
  /** Three places, rounded up. */
  samplingRate(share: number): string;
  /** 0.00001, rounded up to two significant digits. */
  delta(value: number): string;
  /** 0.77–0.81, or with a word between where a sign would read as a dash. */
  interval(low: number, high: number, digits?: number): string;
  /** Every digit, for bounds that a person must keep to: 4,294,967,295; 0.00001; 1e-12. */
  exact(value: number): string;
  /** Two significant digits: 4.9, 22, 0.031. */
  short(value: number): string;
  shortRange(low: number, high: number): string;
  bytes(value: number): string;
  /** 3.5e-7 */
  scientific(value: number): string;
  /** Rounded span: 40 seconds, 13 minutes, 2 hours. */
  span(seconds: number): string;
  time(atMs: number): string;
  clock(atMs: number): string;
  date(atMs: number): string;
  dateTime(atMs: number): string;
  /** today, yesterday, or the date. */
  day(atMs: number, nowMs: number): string;
  list(items: readonly string[]): string;
  /** Name of a country by its two-letter code. */
  region(code: string): string;
  /** Order of two words in a list. */
  compare(a: string, b: string): number;
  /** Sentences one after the other, with the space that the language puts between them. */
  sentences(...parts: readonly (string | null)[]): string;
  /** That space, for sentences that are elements of their own. */
  readonly gap: string;
  /** Parts of one line, with the comma of the language between them. */
  phrases(...parts: readonly string[]): string;
}

const minus = (text: string): string => text.replace(/^-/, '\u2212');

/** Chinese figures and units with a space between them, as everywhere else on the page; formatters write none. */
const spaced = (text: string): string => text.replace(/(\d)(?=\p{Script=Han})/gu, '$1 ');

/** Makes it when it is first asked for: the first formatter of a kind takes milliseconds, and all at once would hold up the first screen. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** `to` stands between the ends of an interval that has a negative end, `gap` between sentences, `comma` between parts of one. */
export function createFormat(locale: string, to: string, gap: string, comma: string): Format {
  const number = (options: Intl.NumberFormatOptions) => once(() => new Intl.NumberFormat(locale, options));
  const moment = (options: Intl.DateTimeFormatOptions) => once(() => new Intl.DateTimeFormat(locale, options));
  const fixed = (digits: number, signDisplay: 'negative' | 'exceptZero') => number({ minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay });
  const unit = (name: string, unitDisplay: 'long' | 'short', digits = 0) => number({ style: 'unit', unit: name, unitDisplay, maximumFractionDigits: digits });
  const counts = number({ maximumFractionDigits: 0 });
  const fixedBy = [0, 1, 2, 3].map((digits) => fixed(digits, 'negative'));
  const signedBy = [0, 1, 2, 3].map((digits) => fixed(digits, 'exceptZero'));
  const significant = number({ maximumSignificantDigits: 2 });
  // Fifteen digits are those that a decimal number keeps.
  const exact = number({ maximumSignificantDigits: 15 });
  const small = number({ maximumSignificantDigits: 2, maximumFractionDigits: 12 });
  const [seconds, minutes, hours] = [unit('second', 'long'), unit('minute', 'long'), unit('hour', 'long', 1)] as const;
  const byteUnits = [unit('byte', 'long'), unit('kilobyte', 'short'), unit('megabyte', 'short', 1), unit('gigabyte', 'short', 1)] as const;
  const wholeMegabytes = unit('megabyte', 'short');
  const time = moment({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const clock = moment({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const date = moment({ day: 'numeric', month: 'short' });
  const dateYear = moment({ day: 'numeric', month: 'short', year: 'numeric' });
  const dateTime = moment({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const relative = once(() => new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }));
  const regions = once(() => new Intl.DisplayNames(locale, { type: 'region' }));
  const collator = once(() => new Intl.Collator(locale));
  const list = once(() => new Intl.ListFormat(locale, { type: 'conjunction' }));
  const rate = (value: number, digits = 2) => minus((fixedBy[digits] ?? fixedBy[2]!)().format(value));
  const short = (value: number) => minus(significant().format(value));
  return {
    count: (value) => minus(counts().format(value)),
    rate,
    probability: (value) => (value >= 0.995 ? `> ${rate(0.99)}` : value < 0.005 ? `< ${rate(0.01)}` : rate(value)),
    signed: (value, digits = 2) => minus((signedBy[digits] ?? signedBy[2]!)().format(value)),
    percent: (share, digits = 0) => `${rate(share * 100, digits)}%`,
    epsilon: (value) => (Number.isFinite(value) ? rate(roundUpTo(value, 2)) : '∞'),
    // A difference of two limits may be a hair below what it is: 0.3 - 0.1.
    epsilonLeft: (value) => rate(roundDownTo(value + 1e-12, 2)),
    noise: (multiplier) => rate(roundDownTo(multiplier, 2)),
    samplingRate: (share) => rate(roundUpTo(share, 3), 3),
    delta: (value) => small().format(roundUp(value, 2)),
    interval: (low, high, digits = 2) => (low < 0 || high < 0 ? `${rate(low, digits)} ${to} ${rate(high, digits)}` : `${rate(low, digits)}–${rate(high, digits)}`),
    exact: (value) => minus(value !== 0 && Math.abs(value) < 1e-6 ? String(value) : exact().format(value)),
    short,
    shortRange: (low, high) => `${short(low)}–${short(high)}`,
    bytes: (value) => {
      const power = Math.min(3, Math.floor(Math.log10(Math.max(1, value)) / 3));
      const scaled = value / 1000 ** power;
      return power === 2 && scaled >= 10 ? wholeMegabytes().format(scaled) : spaced(byteUnits[power]!().format(scaled));
    },
    scientific: (value) => (value === 0 ? '0' : value.toExponential(1)),
    span: (value) => spaced(value < 90 ? seconds().format(Math.max(1, Math.round(value))) : value < 5400 ? minutes().format(Math.round(value / 60)) : hours().format(value / 3600)),
    time: (atMs) => time().format(atMs),
    clock: (atMs) => clock().format(atMs),
    date: (atMs) => date().format(atMs),
    dateTime: (atMs) => dateTime().format(atMs),
    day: (atMs, nowMs) => {
      const days = Math.round((new Date(atMs).setHours(12, 0, 0, 0) - new Date(nowMs).setHours(12, 0, 0, 0)) / 86_400_000);
      return days === 0 || days === -1 ? relative().format(days, 'day') : new Date(atMs).getFullYear() === new Date(nowMs).getFullYear() ? date().format(atMs) : dateYear().format(atMs);
    },
    list: (items) => list().format(items),
    region: (code) => regions().of(code) ?? code,
    compare: (a, b) => collator().compare(a, b),
    sentences: (...parts) => parts.filter((part) => part !== null && part !== '').join(gap),
    gap,
    phrases: (...parts) => parts.filter((part) => part !== '').join(comma),
  };
}

/** Number with its noun in the right form, by the language's own plural rule. */
export function createPlural(locale: string, format: Format): (count: number, one: string, other: string) => string {
  const rules = once(() => new Intl.PluralRules(locale));
  return (count, one, other) => `${format.count(count)} ${rules().select(count) === 'one' ? one : other}`;
}
