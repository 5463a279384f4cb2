import { mulberry32 } from '../ground/random.ts';
import { csvText } from './csv-write.ts';
import { abbreviations, closings, neutral, openings, phrases, specialties, type Specialty } from './sample-phrases.ts';
import type { RawTable } from './table.ts';

export { sampleSentences } from './sample-phrases.ts';

export const sampleFileName = 'sample-notes.csv';
export const sampleHeader = ['note', 'specialty', 'patient', 'sex', 'age_band', 'language'] as const;

const noteCount = 600;
const personCount = 220;
const maximumNotesPerPerson = 6;
const wrongLabelCount = 18; // 3 %
const seed = 20_240_611;

/**
 * Shares of notes that rest on a shared complaint and one detail. Chosen so that on frozen MiniLM features, persons split
 * 80 to 20, logistic regression scores 0.93, recipe R with persons as unit 0.88 at epsilon 3 and 0.84 at epsilon 1, and the
 * label sentences alone 0.79 (eight splits, standard deviation 0.03, last layer, float32; with two layers of the int8 model,
 * four runs at epsilon 3: 0.86 to 0.90).
 */
const hardShare = 0.04;
const hardShareInterpreted = 0.18;

export interface SampleNote {
  readonly text: string;
  /** What the phrases were drawn for. */
  readonly meant: Specialty;
  /** What the label column says: 3 % are wrong. */
  readonly specialty: Specialty;
  readonly person: SamplePerson;
}

export interface SamplePerson {
  readonly id: string;
  readonly sex: 'female' | 'male';
  readonly ageBand: '18-39' | '40-64' | '65-79' | '80+';
  readonly language: 'English' | 'Spanish' | 'Arabic' | 'Polish';
}

type Random = () => number;

function pick<T>(values: readonly T[], random: Random): T {
  return values[Math.floor(random() * values.length)]!;
}

function pickOther(specialty: Specialty, random: Random): Specialty {
  return pick(specialties.filter((other) => other !== specialty), random);
}

function pickWeighted<T>(choices: readonly (readonly [T, number])[], random: Random): T {
  let left = random() * choices.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [value, weight] of choices) {
    left -= weight;
    if (left < 0) return value;
  }
  return choices.at(-1)![0];
}

/** `{a|b}` becomes one of its alternatives, `#` a number from 2 to 7. */
function expand(phrase: string, random: Random): string {
  return phrase.replace(/\{([^}]*)\}/g, (_, alternatives: string) => pick(alternatives.split('|'), random)).replace(/#/g, () => String(2 + Math.floor(random() * 6)));
}

/** One slip of the keys in a word: two letters swapped, one dropped, or one doubled. */
function misspell(word: string, random: Random): string {
  const at = 1 + Math.floor(random() * (word.length - 3));
  const slip = random();
  if (slip < 0.4) return word.slice(0, at) + word[at + 1]! + word[at]! + word.slice(at + 2);
  if (slip < 0.75) return word.slice(0, at) + word.slice(at + 1);
  return word.slice(0, at + 1) + word[at]! + word.slice(at + 1);
}

function writeInHaste(text: string, haste: number, random: Random): string {
  let written = text;
  for (const [full, short] of abbreviations) if (random() < haste) written = written.replace(full, short);
  return written.replace(/[A-Za-z]{5,}/g, (word) => (random() < 0.025 ? misspell(word, random) : word));
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function writeNote(meant: Specialty, person: SamplePerson, random: Random): string {
  const own = phrases[meant];
  const isHard = random() < (person.language === 'English' ? hardShare : hardShareInterpreted);
  const parts: string[] = [];
  if (random() < 0.6) parts.push(pick(openings, random));
  if (person.language !== 'English' && random() < 0.5) parts.push('via interpreter');
  const story: string[] = isHard ? [pick(own.shared, random)] : [pick(own.clear, random)];
  if (isHard || random() < 0.65) story.push(pick(own.details, random));
  if (random() < 0.15) story.push(pick(phrases[pickOther(meant, random)].shared, random));
  if (isHard && random() < 0.25) story.push(pick(phrases[pickOther(meant, random)].details, random));
  const past: string[] = [];
  const pastCount = (person.ageBand === '80+' || person.ageBand === '65-79' ? 1 : 0) + (random() < 0.3 ? 1 : 0);
  for (let i = 0; i < pastCount; i++) past.push(pick(phrases[random() < 0.5 ? pickOther(meant, random) : meant].mentions, random));
  if (random() < 0.6) story.push(pick(neutral, random));
  const plan: string[] = [];
  if (random() < 0.6) plan.push(pick(own.plans, random));
  if (random() < 0.04) plan.push(pick(phrases[pickOther(meant, random)].plans, random));
  if (random() < 0.6) plan.push(pick(closings, random));

  const firstWords = pick(['complains of ', 'history of ', '', ''], random);
  const hasFullSentences = random() < 0.5;
  const join = hasFullSentences ? '. ' : pick(['; ', ', ', ' - '], random);
  const body = [...parts, firstWords + story.join(hasFullSentences ? '. ' : ', '), ...(past.length > 0 ? [pick(['PMH ', 'background ', 'known '], random) + past.join(', ')] : []), ...plan];
  const haste = hasFullSentences ? 0.3 : 0.75;
  const text = writeInHaste(expand(body.join(join), random), haste, random);
  return hasFullSentences ? text.split('. ').map(capitalise).join('. ') + '.' : text;
}

function drawPersons(random: Random): SamplePerson[] {
  return Array.from({ length: personCount }, (_, index) => ({
    // No hospital's number looks like this: the ledger takes equal ids of two files for one person.
    id: `sample-${String(index + 1).padStart(3, '0')}`,
    sex: random() < 0.54 ? 'female' : 'male',
    ageBand: pickWeighted([['18-39', 0.22], ['40-64', 0.35], ['65-79', 0.28], ['80+', 0.15]] as const, random),
    language: pickWeighted([['English', 0.72], ['Spanish', 0.12], ['Arabic', 0.09], ['Polish', 0.07]] as const, random),
  }));
}

/** How many notes each person has: 1 to 6, `noteCount` together. */
function drawNoteCounts(random: Random): number[] {
  const counts = new Array<number>(personCount).fill(1);
  for (let left = noteCount - personCount; left > 0; ) {
    const index = Math.floor(random() * personCount);
    if (counts[index]! < maximumNotesPerPerson) {
      counts[index]!++;
      left--;
    }
  }
  return counts;
}

/**
 * The 600 synthetic notes, always the same ones: four specialties, 220 persons with 1 to 6 notes each, 18 wrong labels.
 * Notes of people who need an interpreter are vaguer, so that the fairness check has something to find.
 */
export function sampleNotes(): readonly SampleNote[] {
  const random = mulberry32(seed);
  const persons = drawPersons(random);
  const counts = drawNoteCounts(random);
  const visits = persons.flatMap((person, index) => Array.from({ length: counts[index]! }, () => person));
  const main = new Map(persons.map((person) => [person.id, pickWeighted([['Cardiology', 0.3], ['Gastroenterology', 0.24], ['Orthopaedics', 0.24], ['Respiratory', 0.22]] as const, random)]));
  // A table is kept in the order of visits, not of persons.
  for (let i = visits.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [visits[i], visits[j]] = [visits[j]!, visits[i]!];
  }
  const wrong = new Set<number>();
  while (wrong.size < wrongLabelCount) wrong.add(Math.floor(random() * noteCount));
  const seen = new Set<string>();
  return visits.map((person, index) => {
    const meant = random() < 0.55 ? main.get(person.id)! : pick(specialties, random);
    let text = writeNote(meant, person, random);
    while (seen.has(text)) text = writeNote(meant, person, random);
    seen.add(text);
    return { text, meant, specialty: wrong.has(index) ? pickOther(meant, random) : meant, person };
  });
}

/** The sample as a parsed table, as if it had been read from `sampleFileName`. */
export function sampleTable(): RawTable {
  const rows = sampleNotes().map(({ text, specialty, person }, index) => ({ row: index + 2, cells: [text, specialty, person.id, person.sex, person.ageBand, person.language] }));
  return { fileName: sampleFileName, format: 'csv', encoding: 'utf-8', header: sampleHeader, rows, unreadable: [] };
}

export function sampleCsv(): string {
  return csvText(sampleHeader, sampleTable().rows.map((row) => row.cells));
}

/** Whether a table is the built-in sample, under whatever name: same header and same rows. */
export function isSampleTable(table: Pick<RawTable, 'header' | 'rows'>): boolean {
  if (table.rows.length !== noteCount || table.header.join('\t') !== sampleHeader.join('\t')) return false;
  const sample = sampleTable().rows;
  return table.rows.every((row, index) => row.cells.every((cell, column) => cell === sample[index]!.cells[column]));
}
