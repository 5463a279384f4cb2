/** Precision, recall and F1 of entities and of tags, as seqeval and scikit-learn give them with `zero_division=0`. */
import { BedsideError } from '../ground/errors.ts';
import { f1Score, type ClassCounts } from './confusion.ts';
import { entitiesOf, type TagScheme } from './entities.ts';

export interface Score {
  /** 0 where undefined (0 / 0). */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** How many the truth has. */
  readonly support: number;
}

export interface ScoreReport {
  /** By type or by tag: each that occurs or is predicted. */
  readonly byName: ReadonlyMap<string, Score>;
  /** Over all of them together. */
  readonly micro: Score;
  /** Plain mean over the names; null where there is none. */
  readonly macro: Score | null;
  /** Mean weighted by support; 0 where there is none. */
  readonly weighted: Score;
}

/** [sentences][words] */
type Tags = readonly (readonly string[])[];

function checkLengths(truth: Tags, predicted: Tags): void {
  if (truth.length !== predicted.length) throw new BedsideError('metrics/sentences', 'input', `Expected predictions for ${truth.length} sentences, found ${predicted.length}.`, 'Predict every sentence once.', { expected: truth.length, found: predicted.length });
  const wrong = truth.findIndex((tags, sentence) => tags.length !== predicted[sentence]!.length);
  if (wrong >= 0) throw new BedsideError('metrics/words', 'input', `Sentence ${wrong + 1} has ${truth[wrong]!.length} words, its prediction ${predicted[wrong]!.length}.`, 'Predict one tag a word.', { sentence: wrong + 1, expected: truth[wrong]!.length, found: predicted[wrong]!.length });
}

function scoreOf(counts: ClassCounts): Score {
  const { truePositives, support, predicted } = counts;
  return { precision: predicted === 0 ? 0 : truePositives / predicted, recall: support === 0 ? 0 : truePositives / support, f1: f1Score(counts) ?? 0, support };
}

function reportOf(counts: ReadonlyMap<string, ClassCounts>): ScoreReport {
  const byName = new Map([...counts].map(([name, own]) => [name, scoreOf(own)]));
  const all = [...counts.values()];
  const total = (of: (own: ClassCounts) => number) => all.reduce((sum, own) => sum + of(own), 0);
  const support = total((own) => own.support);
  const mean = (weightOf: (score: Score) => number): Score => {
    const scores = [...byName.values()];
    const weights = scores.reduce((sum, score) => sum + weightOf(score), 0);
    const of = (field: 'precision' | 'recall' | 'f1') => (weights === 0 ? 0 : scores.reduce((sum, score) => sum + weightOf(score) * score[field], 0) / weights);
    return { precision: of('precision'), recall: of('recall'), f1: of('f1'), support };
  };
  return {
    byName,
    micro: scoreOf({ truePositives: total((own) => own.truePositives), support, predicted: total((own) => own.predicted) }),
    macro: byName.size === 0 ? null : mean(() => 1),
    weighted: mean((score) => score.support),
  };
}

interface Item {
  /** What it is counted under. */
  readonly name: string;
  /** What must agree. */
  readonly key: string;
}

/** Counts by name what the truth has, what is predicted, and what is in both. */
function countItems(truth: readonly Item[], predicted: readonly Item[]): Map<string, ClassCounts> {
  const inTruth = new Set(truth.map(({ key }) => key));
  const counts = new Map<string, { truePositives: number; support: number; predicted: number }>();
  const of = (name: string) => {
    const known = counts.get(name) ?? { truePositives: 0, support: 0, predicted: 0 };
    counts.set(name, known);
    return known;
  };
  for (const { name } of truth) of(name).support++;
  for (const { name, key } of predicted) {
    of(name).predicted++;
    if (inTruth.has(key)) of(name).truePositives++;
  }
  return counts;
}

/**
 * Scores of entities: one counts as found where type, first and last word agree. Its type names it.
 * @param scheme null reads tags leniently; say in what is shown which of them it was ("strict IOB2")
 * Throws `metrics/sentences` or `metrics/words` where truth and prediction are not of the same shape, and what `entitiesOf` throws.
 */
export function entityReport(truth: Tags, predicted: Tags, scheme: TagScheme | null): ScoreReport {
  checkLengths(truth, predicted);
  const items = (sentences: Tags) => sentences.flatMap((tags, sentence) => entitiesOf(tags, scheme).map(({ type, start, end }): Item => ({ name: type, key: `${sentence} ${start} ${end} ${type}` })));
  return reportOf(countItems(items(truth), items(predicted)));
}

/**
 * Scores of single tags. With "O", most words of most texts, they flatter: `withoutOutside` leaves it out.
 * Throws as `entityReport` does for shapes.
 */
export function tagReport(truth: Tags, predicted: Tags, withoutOutside: boolean): ScoreReport {
  checkLengths(truth, predicted);
  const items = (sentences: Tags) => sentences.flatMap((tags, sentence) => tags.map((tag, word): Item => ({ name: tag, key: `${sentence} ${word} ${tag}` }))).filter(({ name }) => !withoutOutside || name !== 'O');
  return reportOf(countItems(items(truth), items(predicted)));
}

/** Share of words whose tag is right, "O" among them; null where there is no word. Throws as `entityReport` does for shapes. */
export function tokenAccuracy(truth: Tags, predicted: Tags): number | null {
  checkLengths(truth, predicted);
  const words = truth.flat();
  const found = predicted.flat();
  return words.length === 0 ? null : words.filter((tag, word) => tag === found[word]).length / words.length;
}
