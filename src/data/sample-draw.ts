import { checkInteger } from '../ground/check.ts';
import { mulberry32 } from '../ground/random.ts';
import { abbreviations, closings, neutral, openings, phrases, specialties, type Specialty } from './sample-phrases.ts';

/**
 * Shares of notes that rest on a shared complaint and one detail. Chosen so that on frozen MiniLM features, persons split
 * 80 to 20, logistic regression scores 0.93, recipe R with persons as unit 0.88 at epsilon 3 and 0.84 at epsilon 1, and the
 * label sentences alone 0.79 (eight splits, standard deviation 0.03, float32).
 */
const hardShare = 0.04;
const hardShareInterpreted = 0.18;

export interface SampleNote {
  readonly text: string;
  /** What the phrases were drawn for. */
  readonly meant: Specialty;
  /** What the label column says: a few are wrong. */
  readonly specialty: Specialty;
  readonly person: SamplePerson;
}

export interface SamplePerson {
  readonly id: string;
  readonly sex: 'female' | 'male';
  readonly ageBand: '18-39' | '40-64' | '65-79' | '80+';
  readonly language: 'English' | 'Spanish' | 'Arabic' | 'Polish';
}

/** What a set of made-up notes is drawn by: equal draws give equal notes. */
export interface SampleDraw {
  readonly seed: number;
  readonly persons: number;
  readonly notes: number;
  /** Notes whose label is not what they were written for. */
  readonly wrongLabels: number;
  /** Counted from 1. */
  readonly personId: (number: number) => string;
  /** Shares of the specialties, in their order; null: those of a general clinic. */
  readonly shares: readonly number[] | null;
}

export const maximumNotesPerPerson = 6;

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

function drawPersons({ persons, personId }: SampleDraw, random: Random): SamplePerson[] {
  return Array.from({ length: persons }, (_, index) => ({
    id: personId(index + 1),
    sex: random() < 0.54 ? 'female' : 'male',
    ageBand: pickWeighted([['18-39', 0.22], ['40-64', 0.35], ['65-79', 0.28], ['80+', 0.15]] as const, random),
    language: pickWeighted([['English', 0.72], ['Spanish', 0.12], ['Arabic', 0.09], ['Polish', 0.07]] as const, random),
  }));
}

/** How many notes each person has: 1 to 6, `notes` together. */
function drawNoteCounts({ persons, notes }: SampleDraw, random: Random): number[] {
  const counts = new Array<number>(persons).fill(1);
  for (let left = notes - persons; left > 0; ) {
    const index = Math.floor(random() * persons);
    if (counts[index]! < maximumNotesPerPerson) {
      counts[index]!++;
      left--;
    }
  }
  return counts;
}

const clinicShares = [['Cardiology', 0.3], ['Gastroenterology', 0.24], ['Orthopaedics', 0.24], ['Respiratory', 0.22]] as const;

/**
 * Made-up notes of made-up people. Most notes of a person are of one specialty, and where no shares are given the others are of any.
 * Notes of people who need an interpreter are vaguer, so that the fairness check has something to find.
 */
export function drawSample(draw: SampleDraw): readonly SampleNote[] {
  checkInteger('persons', draw.persons, 1, draw.notes);
  checkInteger('notes', draw.notes, 1, maximumNotesPerPerson * draw.persons);
  checkInteger('wrong labels', draw.wrongLabels, 0, draw.notes);
  const random = mulberry32(draw.seed);
  const persons = drawPersons(draw, random);
  const counts = drawNoteCounts(draw, random);
  const visits = persons.flatMap((person, index) => Array.from({ length: counts[index]! }, () => person));
  const ownShares = draw.shares === null ? null : specialties.map((specialty, index) => [specialty, draw.shares![index]!] as const);
  const main = new Map(persons.map((person) => [person.id, pickWeighted<Specialty>(ownShares ?? clinicShares, random)]));
  // A table is kept in the order of visits, not of persons.
  for (let i = visits.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [visits[i], visits[j]] = [visits[j]!, visits[i]!];
  }
  const wrong = new Set<number>();
  while (wrong.size < draw.wrongLabels) wrong.add(Math.floor(random() * draw.notes));
  const seen = new Set<string>();
  return visits.map((person, index) => {
    const meant = random() < 0.55 ? main.get(person.id)! : ownShares === null ? pick(specialties, random) : pickWeighted<Specialty>(ownShares, random);
    let text = writeNote(meant, person, random);
    while (seen.has(text)) text = writeNote(meant, person, random);
    seen.add(text);
    return { text, meant, specialty: wrong.has(index) ? pickOther(meant, random) : meant, person };
  });
}
