import type { Note } from '../data/table.ts';
import { invariant } from '../ground/check.ts';
import type { HashedRow } from '../privacy/cohort.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import { normaliseText } from '../privacy/unit-hash.ts';
import type { TokenizedUnit } from './trainer.ts';
import { rememberWords } from './word-memory.ts';

/** What turns text into token ids, [CLS] and [SEP] included, cut at `maximumLength`. */
export interface Tokenizer {
  encode(text: string, maximumLength: number): { readonly ids: Int32Array; readonly cutTokens: number };
  /** Matches the words of a text, where the ids of a text are those of its words end to end. */
  readonly wordPattern?: RegExp;
}

export interface TokenizedNote {
  readonly note: Note;
  readonly ids: Int32Array;
  /** Tokens beyond the maximum length, which the model does not read. */
  readonly cutTokens: number;
}

/** Token lengths under a maximum length: how many notes are cut and how many tokens are lost. */
export interface LengthReport {
  readonly maximumLength: number;
  readonly cutNotes: number;
  readonly cutTokens: number;
  readonly longestTokens: number;
}

/** [CLS], one token and [SEP]: what is cut beyond it is counted and not kept. */
const shortestLength = 3;
/** Notes between two turns: some milliseconds of work where their words are known, a tenth of a second where none is. */
const notesAtATime = 256;

/** Tokenizes notes one by one; `between` is awaited now and then, so that a worker stays reachable. */
export async function tokenizeNotes(notes: readonly Note[], tokenizer: Tokenizer, maximumLength: number, between: (done: number) => Promise<void> | void = () => undefined): Promise<TokenizedNote[]> {
  const tokenized: TokenizedNote[] = [];
  const reader = rememberWords(tokenizer);
  for (const [index, note] of notes.entries()) {
    const { ids, cutTokens } = reader.encode(note.text, maximumLength);
    tokenized.push({ note, ids, cutTokens });
    if (index % notesAtATime === notesAtATime - 1) await between(index + 1);
  }
  await between(notes.length);
  return tokenized;
}

export function lengthReport(notes: readonly TokenizedNote[], maximumLength: number): LengthReport {
  let cutNotes = 0;
  let cutTokens = 0;
  let longestTokens = 0;
  for (const note of notes) {
    if (note.cutTokens > 0) cutNotes++;
    cutTokens += note.cutTokens;
    longestTokens = Math.max(longestTokens, note.ids.length + note.cutTokens);
  }
  return { maximumLength, cutNotes, cutTokens, longestTokens };
}

/** How many notes have which number of tokens, uncut: from it the report of any maximum length follows. Pairs of length and count, by length. */
export type TokenLengths = readonly (readonly [tokens: number, notes: number])[];

/** Counts the tokens of every note; `between` is awaited now and then, and what it throws ends the counting. */
export async function countTokens(notes: readonly Note[], tokenizer: Tokenizer, between: (done: number) => Promise<void> | void = () => undefined): Promise<TokenLengths> {
  const counts = new Map<number, number>();
  const reader = rememberWords(tokenizer);
  for (const [index, { text }] of notes.entries()) {
    const { ids, cutTokens } = reader.encode(text, shortestLength);
    const tokens = ids.length + cutTokens;
    counts.set(tokens, (counts.get(tokens) ?? 0) + 1);
    if (index % notesAtATime === notesAtATime - 1) await between(index + 1);
  }
  await between(notes.length);
  return [...counts].sort(([a], [b]) => a - b);
}

/** What a maximum length cuts, and the mean number of tokens that are read. */
export function lengthsUnder(lengths: TokenLengths, maximumLength: number): { readonly report: LengthReport; readonly meanTokens: number } {
  const report = { maximumLength, cutNotes: 0, cutTokens: 0, longestTokens: 0 };
  let [read, notes] = [0, 0];
  for (const [tokens, count] of lengths) {
    if (tokens > maximumLength) {
      report.cutNotes += count;
      report.cutTokens += count * (tokens - maximumLength);
    }
    report.longestTokens = Math.max(report.longestTokens, tokens);
    read += count * Math.min(tokens, maximumLength);
    notes += count;
  }
  return { report, meanTokens: read / Math.max(1, notes) };
}

/** Units in order of their first note, and the notes in the order of the units' rows. */
export interface GroupedUnits {
  readonly units: readonly TokenizedUnit[];
  readonly notes: readonly Note[];
}

/** What a note's unit is called: its person where persons are units and it names one, else its text. */
function unitNameOf({ text, person }: Note, unit: PrivacyUnit): string {
  return unit === 'person' && person !== null ? `person ${normaliseText(person)}` : `row ${normaliseText(text)}`;
}

/**
 * Groups notes into units of privacy. With unit `person` a person's notes are one unit, wherever they stand; else, and where a note names nobody, all rows of
 * one text are: a note may stand in a row for each of its labels.
 * A person and a text are whom and what the ledger and the split take for one: spellings that differ in case or spaces alone are the same.
 * @throws where a note's label is none of `labels`.
 */
export function groupUnits(notes: readonly TokenizedNote[], labels: readonly string[], unit: PrivacyUnit): GroupedUnits {
  const labelIndex = new Map(labels.map((label, index) => [label, index]));
  const groups = new Map<string, TokenizedNote[]>();
  for (const item of notes) {
    const name = unitNameOf(item.note, unit);
    const known = groups.get(name);
    if (known) known.push(item);
    else groups.set(name, [item]);
  }
  const units = [...groups.values()].map((group, index) => ({
    unit: index,
    rows: group.map(({ note, ids }) => {
      const label = labelIndex.get(note.label);
      invariant(label !== undefined, 'every note has one of the labels');
      return { ids, label };
    }),
  }));
  return { units, notes: [...groups.values()].flatMap((group) => group.map((item) => item.note)) };
}

/** Number of units that notes make, without tokenizing them. */
export function countUnits(notes: readonly Note[], unit: PrivacyUnit): number {
  return new Set(notes.map((note) => unitNameOf(note, unit))).size;
}

/** The same from the notes' hashes. */
export function countHashedUnits(rows: readonly HashedRow[], unit: PrivacyUnit): number {
  return new Set(rows.map(({ row, person }) => (unit === 'person' ? (person ?? row) : row))).size;
}
