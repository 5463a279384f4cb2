import { isJsonObject } from '../../engine/model/json.ts';
import { bootstrapGroups } from '../../fairness/bootstrap.ts';
import { demographicParityDifference, demographicParityRatio, equalizedOddsDifference, equalizedOddsRatio, equalOpportunityDifference, rateDifference, rateRatio } from '../../fairness/gaps.ts';
import { countGroups, falsePositiveRate, selectionRate, truePositiveRate, type GroupCounts } from '../../fairness/group-counts.ts';
import { reweighing } from '../../fairness/reweighing.ts';
import { fairThresholds, positiveProbability } from '../../fairness/threshold-optimizer.ts';
import { BedsideError } from '../../ground/errors.ts';
import { clopperPearsonInterval, newcombeInterval, wilsonInterval } from '../../ground/statistics.ts';
import { classificationReport } from '../../metrics/classification-report.ts';
import type { Compare } from './compare.ts';
import { entriesByKey, listOf, numberOf, numbersOf, objectOf, recordedOf, textOf, type Family, type Format, type JsonObject, type Source } from './format.ts';
import { fairnessRules } from './rules.ts';

/** Two group columns are one, their values joined. */
const groupsOf = (entry: JsonObject) => listOf(entry, 'groups').map((group) => (Array.isArray(group) ? group.join('|') : String(group)));

const gaps = {
  demographic_parity_difference: demographicParityDifference,
  demographic_parity_ratio: demographicParityRatio,
  equal_opportunity_difference: equalOpportunityDifference,
  equalized_odds_difference: equalizedOddsDifference,
  equalized_odds_ratio: equalizedOddsRatio,
} as const;

const accuracyOf = ({ correct, count }: GroupCounts) => correct / count;

const precisionOf = ({ truePositives, falsePositives }: GroupCounts) => (truePositives + falsePositives === 0 ? null : truePositives / (truePositives + falsePositives));

const complement = (rate: (group: GroupCounts) => number | null) => (group: GroupCounts) => {
  const value = rate(group);
  return value === null ? null : 1 - value;
};

/** Figures that a recommended table has for each group, by its names. */
const figures: Readonly<Record<string, (group: GroupCounts) => number | null>> = {
  n: ({ count }) => count, positives: ({ positives }) => positives, negatives: ({ negatives }) => negatives, tp: ({ truePositives }) => truePositives, fp: ({ falsePositives }) => falsePositives,
  tpr: truePositiveRate, fpr: falsePositiveRate, selection_rate: selectionRate,
};

function compareRecommended(recommended: JsonObject, groups: readonly GroupCounts[], compare: Compare, rename: (field: string) => string): void {
  const byGroup = objectOf(recommended, 'by_group');
  compare(rename('by_group'), groups.length, Object.keys(byGroup).length);
  for (const group of groups) {
    const expected = objectOf(byGroup, group.group);
    for (const [name, figure] of Object.entries(figures)) compare(rename('by_group'), figure(group), recordedOf(expected, name));
  }
  for (const [name, gap] of Object.entries(gaps)) compare(rename(name), gap(groups), recordedOf(recommended, name));
}

/** fairlearn's own rates by group, where they are defined. Weighted rows are another figure than ours. */
function compareFairlearn(entry: JsonObject, groups: readonly GroupCounts[], compare: Compare): void {
  if ('sample_weight' in entry) return compare.leaveOut('fairlearn');
  const metrics = objectOf(objectOf(entry, 'fairlearn'), 'metrics');
  const ours = { selection_rate: selectionRate, tpr: truePositiveRate, fpr: falsePositiveRate, fnr: complement(truePositiveRate), tnr: complement(falsePositiveRate), precision: precisionOf, accuracy: accuracyOf, count: (group: GroupCounts) => group.count } as const;
  for (const [name, figure] of Object.entries(ours)) {
    const byGroup = objectOf(objectOf(metrics, name), 'by_group');
    const defined = groups.filter((group) => figure(group) !== null);
    if (defined.length === 0) compare.leaveOut(`fairlearn.metrics.${name}`);
    for (const group of defined) compare(`fairlearn.metrics.${name}`, figure(group), recordedOf(byGroup, group.group));
  }
}

function compareBinary(entry: JsonObject, compare: Compare): void {
  const groups = countGroups(numbersOf(entry, 'y_true').map((label) => label === 1), numbersOf(entry, 'y_pred').map((label) => label === 1), groupsOf(entry));
  if (isJsonObject(entry['recommended'])) compareRecommended(entry['recommended'], groups, compare, (field) => `recommended.${field}`);
  compareFairlearn(entry, groups, compare);
}

/** Macro-F1 over classes that occur or are predicted, with undefined scores as 0, as scikit-learn's default over the labels present. */
function compareClasses(entry: JsonObject, compare: Compare): void {
  const [truth, predicted, groups] = [numbersOf(entry, 'y_true'), numbersOf(entry, 'y_pred'), groupsOf(entry)];
  const classes = Array.from({ length: numberOf(entry, 'classes') }, (_, label) => label);
  for (const label of classes) {
    const counts = countGroups(truth.map((one) => one === label), predicted.map((one) => one === label), groups);
    const recorded = objectOf(objectOf(entry, 'one_vs_rest'), String(label));
    compareRecommended(objectOf(recorded, 'recommended'), counts, compare, () => 'one_vs_rest');
    const rates = objectOf(objectOf(entry, 'selection_rate_by_class'), String(label));
    for (const group of counts) compare('selection_rate_by_class', selectionRate(group), recordedOf(rates, group.group));
  }
  const right = countGroups(truth.map(() => true), truth.map((label, row) => label === predicted[row]), groups);
  const accuracy = objectOf(entry, 'accuracy');
  for (const group of right) compare('accuracy.by_group', selectionRate(group), recordedOf(objectOf(accuracy, 'by_group'), group.group));
  compare('accuracy.difference', rateDifference(right.map(selectionRate)), recordedOf(accuracy, 'difference'));
  compare('accuracy.ratio', rateRatio(right.map(selectionRate)), recordedOf(accuracy, 'ratio'));
  const report = (rows: readonly number[]) => {
    const present = [...new Set(rows.flatMap((row) => [truth[row]!, predicted[row]!]))].sort((a, b) => a - b);
    return classificationReport(rows.map((row) => present.indexOf(truth[row]!)), rows.map((row) => present.indexOf(predicted[row]!)), present.map(String), 0);
  };
  const rows = truth.map((_, row) => row);
  const whole = report(rows);
  compare('accuracy.overall', whole.accuracy.value, recordedOf(accuracy, 'overall'));
  compare('f1_macro', whole.macroF1, recordedOf(objectOf(entry, 'f1_macro'), 'overall'));
  compare('f1_micro', whole.accuracy.value, recordedOf(objectOf(entry, 'f1_micro'), 'overall'));
  for (const group of new Set(groups)) {
    const own = report(rows.filter((row) => groups[row] === group));
    compare('f1_macro', own.macroF1, recordedOf(objectOf(objectOf(entry, 'f1_macro'), 'by_group'), group));
    compare('f1_micro', own.accuracy.value, recordedOf(objectOf(objectOf(entry, 'f1_micro'), 'by_group'), group));
  }
}

/** fairlearn counts an undefined rate of a group that is there as 0; ours leaves the group out. The bootstrap is held to its convention. */
function fairlearnOddsDifference(groups: readonly GroupCounts[]): number | null {
  const difference = (rate: (group: GroupCounts) => number | null) => rateDifference(groups.map((group) => rate(group) ?? 0));
  return Math.max(difference(truePositiveRate) ?? 0, difference(falsePositiveRate) ?? 0);
}

function compareBootstrap(entry: JsonObject, compare: Compare, { json }: Source): void {
  const name = textOf(entry, 'dataset');
  const dataset = listOf(json, 'datasets').find((item): item is JsonObject => isJsonObject(item) && item['name'] === name);
  if (!dataset) throw new Error(`no data set ${name} in the file`);
  const groups = groupsOf(dataset);
  const quantiles = numbersOf(entry, 'quantiles');
  const names = [...new Set(groups)];
  const found = bootstrapGroups(
    { isTrue: numbersOf(dataset, 'y_true').map((label) => label === 1), isPredicted: numbersOf(dataset, 'y_pred').map((label) => label === 1), groups, seed: numberOf(entry, 'seed'), replicates: numberOf(entry, 'B'), quantiles },
    {
      demographic_parity_difference: demographicParityDifference,
      equalized_odds_difference: fairlearnOddsDifference,
      ...Object.fromEntries(names.map((group) => [`group ${group}`, (counts: readonly GroupCounts[]) => {
        const own = counts.find((one) => one.group === group);
        return own ? selectionRate(own) : null;
      }])),
    },
  );
  for (const [index] of quantiles.entries()) {
    for (const field of ['demographic_parity_difference', 'equalized_odds_difference']) compare(field, found[field]![index]!, numbersOf(entry, field)[index]!);
    for (const group of names) compare('selection_rate', found[`group ${group}`]![index]!, numbersOf(objectOf(entry, 'selection_rate'), group)[index]!);
  }
}

/** Weights are held for every data set; those of AIF360 know nothing of sample weights. */
function compareReweighing(entry: JsonObject, compare: Compare): void {
  const recorded = objectOf(entry, 'reweighing');
  const { groups, classes, factors, sumOfWeights } = reweighing(listOf(entry, 'y_true').map(String), groupsOf(entry));
  compare('reweighing', groups.join(' '), listOf(recorded, 'groups').join(' '));
  compare('reweighing', classes.join(' '), listOf(recorded, 'classes').join(' '));
  for (const [group, row] of (listOf(recorded, 'factors') as readonly (readonly (number | string)[])[]).entries()) for (const [label, factor] of row.entries()) compare('reweighing', factors[group]?.[label] ?? NaN, factor);
  compare('reweighing', sumOfWeights, numberOf(recorded, 'sum_of_weights'));
}

const constraints = { demographic_parity: 'selection', true_positive_rate_parity: 'found', false_positive_rate_parity: 'called by mistake', equalized_odds: 'equalized odds' } as const;
const objectives = { accuracy_score: 'accuracy', balanced_accuracy_score: 'balanced accuracy' } as const;

function namedIn<Value>(table: Readonly<Record<string, Value>>, name: string): Value {
  const value = table[name];
  if (value === undefined) throw new Error(`${name} is none of ${Object.keys(table).join(', ')}`);
  return value;
}

/** Where several rates are as good, which of them is taken is no matter: with a tolerance, the rates of single groups are not compared. */
function compareThresholds(entry: JsonObject, compare: Compare): void {
  const [truth, scores, groups] = [numbersOf(entry, 'y_true'), numbersOf(entry, 'score'), groupsOf(entry)];
  const rows = truth.map((label, row) => ({ isTrue: label === 1, score: scores[row]!, group: groups[row]! }));
  for (const setting of listOf(entry, 'threshold_optimizer')) {
    if (!isJsonObject(setting)) throw new Error('field threshold_optimizer is not a list of objects');
    const tolerance = setting['tol'] === null ? 0 : numberOf(setting, 'tol');
    const optimize = () => fairThresholds(rows, { constraint: namedIn(constraints, textOf(setting, 'constraint')), objective: namedIn(objectives, textOf(setting, 'objective')), gridSize: numberOf(setting, 'grid_size'), tolerance });
    if ('error' in setting) {
      compare('threshold_optimizer', codeOf(optimize), 'fairness/one-class-group');
      continue;
    }
    const { best, rules } = optimize();
    compare('threshold_optimizer', best, numberOf(setting, 'y_best'));
    const given = rows.map(({ group, score }) => positiveProbability(rules.get(group)!, score));
    const mean = (of: (row: number) => number, isCounted: (row: number) => boolean) => {
      const counted = rows.flatMap((_, row) => (isCounted(row) ? [of(row)] : []));
      return counted.reduce((sum, value) => sum + value, 0) / counted.length;
    };
    const expected = objectOf(setting, 'expected');
    compare('threshold_optimizer', mean((row) => (rows[row]!.isTrue ? given[row]! : 1 - given[row]!), () => true), numberOf(expected, 'accuracy'));
    if (tolerance > 0) continue;
    for (const [group, rates] of Object.entries(objectOf(expected, 'by_group'))) {
      if (!isJsonObject(rates)) throw new Error('field by_group has no rates');
      const isOwn = (row: number) => rows[row]!.group === group;
      const chance = (row: number) => given[row]!;
      compare('threshold_optimizer', mean(chance, isOwn), numberOf(rates, 'selection_rate'));
      compare('threshold_optimizer', mean(chance, (row) => isOwn(row) && rows[row]!.isTrue), numberOf(rates, 'tpr'));
      compare('threshold_optimizer', mean(chance, (row) => isOwn(row) && !rows[row]!.isTrue), numberOf(rates, 'fpr'));
    }
  }
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof BedsideError ? error.code : String(error);
  }
}

function compareDataset(entry: JsonObject, compare: Compare): void {
  if ('classes' in entry) compareClasses(entry, compare);
  else compareBinary(entry, compare);
  compareReweighing(entry, compare);
  if ('threshold_optimizer' in entry) compareThresholds(entry, compare);
}

const families: readonly Family[] = [
  { name: 'datasets', fields: fairnessRules.datasets, check: compareDataset },
  { name: 'bootstrap', fields: fairnessRules.bootstrap, check: compareBootstrap },
  {
    name: 'proportion_intervals',
    fields: fairnessRules.proportion_intervals,
    check(entry, compare) {
      const [hits, total] = [numberOf(entry, 'k'), numberOf(entry, 'n')];
      for (const [field, { low, high }] of [['wilson95', wilsonInterval(hits, total)], ['clopper_pearson95', clopperPearsonInterval(hits, total)]] as const) {
        compare(field, low, numbersOf(entry, field)[0]!);
        compare(field, high, numbersOf(entry, field)[1]!);
      }
    },
  },
  {
    name: 'difference_intervals_newcombe_hybrid_score',
    fields: fairnessRules.difference_intervals_newcombe_hybrid_score,
    check(entry, compare) {
      const { difference, low, high } = newcombeInterval(numberOf(entry, 'k1'), numberOf(entry, 'n1'), numberOf(entry, 'k2'), numberOf(entry, 'n2'));
      compare('difference', difference, recordedOf(entry, 'difference'));
      compare('newcombe95', low, numbersOf(entry, 'newcombe95')[0]!);
      compare('newcombe95', high, numbersOf(entry, 'newcombe95')[1]!);
    },
  },
];

export const fairnessFormat: Format = { name: 'fairness', isFormat: (json) => 'datasets' in json && 'proportion_intervals' in json, families, entriesOf: entriesByKey() };
