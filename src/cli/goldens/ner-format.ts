import { entitiesOf, type TagScheme } from '../../metrics/entities.ts';
import { entityReport, tagReport, tokenAccuracy, type Score } from '../../metrics/entity-report.ts';
import type { Compare } from './compare.ts';
import { entriesByKey, listOf, numberOf, objectOf, recordedOf, type Family, type Format, type JsonObject } from './format.ts';
import { nerRules } from './rules.ts';

type Tags = readonly (readonly string[])[];

/** How each recorded mode reads tags. */
const modes: Readonly<Record<string, TagScheme | null>> = { default_mode: null, strict_IOB1: 'IOB1', strict_IOB2: 'IOB2', strict_IOBES: 'IOBES', strict_BILOU: 'BILOU' };

/** The reference has NaN for the mean over no type. */
const undefinedMean: Score = { precision: NaN, recall: NaN, f1: NaN, support: 0 };

function compareScore(compare: Compare, field: string, score: Score, recorded: JsonObject): void {
  for (const [name, found] of [['precision', score.precision], ['recall', score.recall], ['f1' in recorded ? 'f1' : 'f1-score', score.f1]] as const) compare(field, found, recordedOf(recorded, name));
  if ('support' in recorded) compare(field, score.support, numberOf(recorded, 'support'));
}

function compareNames(compare: Compare, field: string, byName: ReadonlyMap<string, Score>, recorded: JsonObject, others: readonly string[] = []): void {
  const names = Object.keys(recorded).filter((name) => !others.includes(name));
  compare(field, [...byName.keys()].sort().join(' '), names.sort().join(' '));
  for (const name of names) compareScore(compare, field, byName.get(name) ?? undefinedMean, objectOf(recorded, name));
}

function compareMode(entry: JsonObject, mode: string, scheme: TagScheme | null, truth: Tags, predicted: Tags, compare: Compare): void {
  const recorded = objectOf(entry, mode);
  const entities = (sentences: Tags) => JSON.stringify(sentences.map((tags) => entitiesOf(tags, scheme).map(({ type, start, end }) => [type, start, end])));
  compare(`${mode}.entities_true`, entities(truth), JSON.stringify(listOf(recorded, 'entities_true')));
  compare(`${mode}.entities_pred`, entities(predicted), JSON.stringify(listOf(recorded, 'entities_pred')));
  const report = objectOf(recorded, 'report');
  const { byName, micro, macro, weighted } = entityReport(truth, predicted, scheme);
  const means = { 'micro avg': micro, 'macro avg': macro ?? undefinedMean, 'weighted avg': weighted };
  compareNames(compare, `${mode}.report`, byName, report, Object.keys(means));
  for (const [name, score] of Object.entries(means)) compareScore(compare, `${mode}.report`, score, objectOf(report, name));
}

function compareTags(entry: JsonObject, truth: Tags, predicted: Tags, compare: Compare): void {
  const recorded = objectOf(entry, 'token_level');
  compareNames(compare, 'token_level.per_label', tagReport(truth, predicted, false).byName, objectOf(recorded, 'per_label'));
  for (const [which, withoutOutside] of [['all', false], ['excluding_O', true]] as const) {
    const report = tagReport(truth, predicted, withoutOutside);
    // Where every tag is O, the reference has no figures without it.
    if (report.byName.size === 0) continue;
    for (const mean of ['micro', 'macro', 'weighted'] as const) compareScore(compare, `token_level.${mean}_${which}`, report[mean] ?? undefinedMean, objectOf(recorded, `${mean}_${which}`));
  }
}

const cases: Family = {
  name: 'cases',
  fields: nerRules,
  check(entry, compare) {
    const [truth, predicted] = [listOf(entry, 'y_true') as Tags, listOf(entry, 'y_pred') as Tags];
    compare('token_accuracy', tokenAccuracy(truth, predicted), numberOf(entry, 'token_accuracy'));
    for (const [mode, scheme] of Object.entries(modes)) if (mode in entry) compareMode(entry, mode, scheme, truth, predicted, compare);
    compareTags(entry, truth, predicted, compare);
  },
};

export const nerFormat: Format = { name: 'ner', isFormat: (json) => 'cases' in json, families: [cases], entriesOf: entriesByKey() };
