import type { ColumnGuess, ColumnRole, RawTable } from './table.ts';

const words: Readonly<Record<'text' | 'label' | 'person' | 'group' | 'other', readonly string[]>> = {
  text: ['note', 'notes', 'text', 'texts', 'dialogue', 'dialog', 'message', 'complaint', 'body', 'description', 'comment', 'transcript', 'narrative', 'report', 'query', 'sentence', 'content', 'letter', 'freitext', 'notiz', 'befund', 'texte', 'texto', 'nota', '文本', '内容', '病历', '主诉', '记录'],
  label: ['label', 'labels', 'class', 'category', 'target', 'specialty', 'speciality', 'section', 'intent', 'department', 'outcome', 'topic', 'tag', 'triage', 'urgency', 'diagnosis', 'kategorie', 'klasse', '标签', '类别', '科室', '分类'],
  person: ['patient', 'patients', 'person', 'subject', 'mrn', 'nhs', 'client', 'customer', 'user', 'pid', 'participant', '患者', '病人', '姓名', '住院号', '门诊号', '病案号', '病历号', '就诊卡', '身份证'],
  group: ['sex', 'gender', 'age', 'ethnicity', 'race', 'language', 'insurance', 'religion', 'nationality', 'disability', 'deprivation', 'geschlecht', 'sprache', '性别', '年龄', '民族', '语言'],
  other: ['id', 'row', 'index', 'number', 'date', 'time', 'datetime', 'created', 'updated', 'timestamp', 'split', 'fold', 'url'],
};

/** Names that say by themselves what the column is, whatever its values. */
const plainLabel = ['label', 'labels', 'class', 'category', 'target', 'specialty', 'speciality', 'department', 'triage', 'urgency', 'intent', 'klasse', 'kategorie', '标签', '类别', '分类', '科室'];

/** A group with more values than this says little and names people. */
const maximumGroups = 20;
const maximumClasses = 200;

interface ColumnStatistics {
  readonly name: string;
  readonly index: number;
  readonly filled: number;
  readonly distinct: number;
  readonly meanCharacters: number;
  readonly numericShare: number;
  readonly dateShare: number;
  readonly firstValues: readonly string[];
}

function headerWords(name: string): readonly string[] {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
}

function hasWord(column: ColumnStatistics, list: readonly string[]): boolean {
  const own = headerWords(column.name);
  // Chinese headers are not cut into words by spaces.
  return list.some((word) => own.includes(word) || (/\p{Script=Han}/u.test(word) && column.name.includes(word)));
}

function isNamed(column: ColumnStatistics, kind: keyof typeof words): boolean {
  return hasWord(column, words[kind]);
}

/** 病历 is a note, 病历号 the number of whom it is about. */
function isNamedText(column: ColumnStatistics): boolean {
  return isNamed(column, 'text') && !column.name.endsWith('号');
}

function columnStatistics(table: Pick<RawTable, 'header' | 'rows'>, index: number): ColumnStatistics {
  const distinct = new Set<string>();
  let filled = 0;
  let characters = 0;
  let numeric = 0;
  let dates = 0;
  for (const { cells } of table.rows) {
    const value = cells[index]!.trim();
    if (value === '') continue;
    filled++;
    characters += value.length;
    distinct.add(value);
    if (value.length <= 30) {
      if (/^[-+]?[\d.,\s]*\d%?$/.test(value)) numeric++;
      else if (/^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ]\d{1,2}:\d{2}.*)?$/.test(value)) dates++;
    }
  }
  const share = (count: number) => (filled === 0 ? 0 : count / filled);
  return {
    name: table.header[index]!,
    index,
    filled,
    distinct: distinct.size,
    meanCharacters: share(characters),
    numericShare: share(numeric),
    dateShare: share(dates),
    firstValues: table.rows.slice(0, 3).map((row) => row.cells[index]!),
  };
}

/** Dates, and numbers that look like dates when dots part them. */
function isDate(column: ColumnStatistics): boolean {
  return column.dateShare > 0.8;
}

function isNumber(column: ColumnStatistics): boolean {
  return column.numericShare > 0.9;
}

/** The item with the greatest score, the first of equals; none where the list is empty. */
function greatest<Item>(items: readonly Item[], score: (item: Item) => number): Item | undefined {
  return items.reduce<Item | undefined>((best, item) => (best === undefined || score(item) > score(best) ? item : best), undefined);
}

function guessText(columns: readonly ColumnStatistics[], rowCount: number): ColumnStatistics | undefined {
  const prose = columns.filter((column) => column.filled > 0 && !isNumber(column) && !isDate(column));
  const named = prose.filter((column) => isNamedText(column) && column.meanCharacters >= 8);
  const found = greatest(named.length > 0 ? named : prose.filter((column) => column.meanCharacters >= 20), (column) => column.meanCharacters);
  // Short notes, or a file of which no row could be read: the name alone has to do.
  return found ?? greatest((rowCount === 0 ? columns : prose).filter(isNamedText), (column) => column.meanCharacters);
}

/** At least two values, each of several rows. */
function hasFewValues({ distinct }: ColumnStatistics, rowCount: number): boolean {
  return distinct >= 2 && distinct <= Math.min(maximumClasses, Math.max(2, rowCount / 3));
}

function guessLabel(columns: readonly ColumnStatistics[], rowCount: number): ColumnStatistics | undefined {
  const candidates = columns.filter((column) => hasFewValues(column, rowCount) && !isDate(column) && !isNamed(column, 'person') && !isNamed(column, 'group'));
  const named = candidates.filter((column) => isNamed(column, 'label'));
  if (named.length > 0) return greatest(named, (column) => column.filled - column.distinct / 1e6);
  // One value alone, or as many as rows: few rows say little about values.
  const said = columns.filter((column) => hasWord(column, plainLabel) && (column.filled > 0 || rowCount === 0) && column.distinct <= maximumClasses && column.meanCharacters <= 60 && !isDate(column));
  if (said.length > 0) return greatest(said, (column) => column.filled - column.distinct / 1e6);
  return greatest(candidates.filter((column) => !isNamed(column, 'other') && column.meanCharacters <= 60), (column) => column.filled - column.distinct);
}

function guessPerson(columns: readonly ColumnStatistics[], rowCount: number): ColumnStatistics | undefined {
  const named = columns.filter((column) => isNamed(column, 'person') && column.distinct > 1 && column.meanCharacters <= 60);
  if (named.length > 0) return greatest(named, (column) => column.distinct + (headerWords(column.name).includes('id') ? rowCount : 0));
  // An identifier that comes back: some rows a value, too many values for a class.
  return columns.find((column) => headerWords(column.name).includes('id') && column.distinct > maximumGroups && column.filled / column.distinct >= 1.2);
}

/**
 * Guesses what each column is used for from its name (English, some German and Chinese) and its values.
 * One text, one label and one person column at most.
 */
export function guessColumns(table: Pick<RawTable, 'header' | 'rows'>): ColumnGuess[] {
  const columns = table.header.map((_, index) => columnStatistics(table, index));
  const rowCount = table.rows.length;
  const text = guessText(columns, rowCount);
  const rest = columns.filter((column) => column !== text);
  const person = guessPerson(rest, rowCount);
  const label = guessLabel(rest.filter((column) => column !== person), rowCount);
  return columns.map((column) => {
    const guess = (role: ColumnRole, code: string, values: Readonly<Record<string, number>>): ColumnGuess => ({
      name: column.name, role, reason: { code, values }, firstValues: column.firstValues, distinctCount: column.distinct,
    });
    if (column === text && column.meanCharacters < 8) return guess('text', 'text-name', { meanCharacters: Math.round(column.meanCharacters) });
    if (column === label && !hasFewValues(column, rowCount)) return guess('label', 'label-name', { distinct: column.distinct });
    if (column === text) return guess('text', 'longest-text', { meanCharacters: Math.round(column.meanCharacters) });
    if (column === label) return guess('label', 'few-values', { distinct: column.distinct });
    if (column === person) return guess('person', 'many-rows-per-value', { distinct: column.distinct, rows: column.filled });
    if (isNamed(column, 'group') && column.distinct >= 2 && column.distinct <= maximumGroups) return guess('group', 'group-name', { distinct: column.distinct });
    if (isDate(column)) return guess('ignore', 'date', { distinct: column.distinct });
    if (isNumber(column)) return guess('ignore', 'number', { distinct: column.distinct });
    return guess('ignore', 'other', { distinct: column.distinct });
  });
}

/** The guessed roles, by column name. */
export function guessedRoles(guesses: readonly ColumnGuess[]): Readonly<Record<string, ColumnRole>> {
  return Object.fromEntries(guesses.map(({ name, role }) => [name, role]));
}
