/** Times as the server reads and writes them, without a Date: days are counted as in H. Hinnant's "chrono-compatible low-level date algorithms". */

const DAY_MS = 86_400_000;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** Year, month and day of a number of days since 1970-01-01 in the proleptic Gregorian calendar; years count from March, so that leap days come last. */
function civilOfDays(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1 };
}

function daysOfCivil(year: number, month: number, day: number): number {
  const fromMarch = month <= 2 ? year - 1 : year;
  const era = Math.floor(fromMarch / 400);
  const yearOfEra = fromMarch - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
}

const digits = (value: number, count: number) => String(value).padStart(count, '0');

/** Milliseconds since 1970 as ISO 8601 with six digits of a second and the offset, without which the server refuses: `2026-11-24T02:41:08.420000+00:00`. */
export function isoTimestamp(atMs: number): string {
  const whole = Math.floor(atMs);
  const days = Math.floor(whole / DAY_MS);
  const { year, month, day } = civilOfDays(days);
  const ofDay = whole - days * DAY_MS;
  const seconds = Math.floor(ofDay / 1000);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => digits(part, 2)).join(':');
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}T${clock}.${digits(ofDay % 1000, 3)}000+00:00`;
}

/** Milliseconds since 1970 of a `Date` header (RFC 9110, IMF-fixdate); null for anything else. */
export function parseHttpDate(text: string): number | null {
  const match = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (match === null) return null;
  const [, day, monthName, year, hours, minutes, seconds] = match;
  const month = months.findIndex((name) => name === monthName) + 1;
  if (month === 0 || Number(day) < 1 || Number(day) > 31 || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 60) return null;
  return daysOfCivil(Number(year), month, Number(day)) * DAY_MS + ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
