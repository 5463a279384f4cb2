import { tooManyColumnsError } from './data-errors.ts';

/** More columns than this are no table of notes, and would make rows of JSON objects grow without bound. */
export const maximumColumns = 1000;

/** Column names as they are used: trimmed, the nameless and the repeated told apart, so that a name means one column. */
export function uniqueHeader(names: readonly string[]): string[] {
  if (names.length > maximumColumns) throw tooManyColumnsError(names.length, maximumColumns);
  const used = new Set<string>();
  return names.map((name, index) => {
    const base = name.trim() || `column ${index + 1}`;
    let unique = base;
    for (let count = 2; used.has(unique); count++) unique = `${base} (${count})`;
    used.add(unique);
    return unique;
  });
}
