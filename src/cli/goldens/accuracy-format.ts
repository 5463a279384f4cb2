/**
 * `accuracy.json`: what PyTorch, Opacus and NumPy reach on public sets, beside the runs of the product that `npm run bench -- accuracy` keeps. Nothing is trained here.
 * A family is a set, a method and an epsilon. An entry passes where the mean of the kept runs of its recipe is above the mean of the reference's runs, or at most a
 * point below it; on few test rows what the spread of the runs explains is allowed beside (`spreadOf`). Where no run of its recipe is kept, it says why.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '../../engine/model/json.ts';
import { gaussianMu } from '../../privacy/gaussian.ts';
import { differences, kindOf, notOurs, type KeptRun, type ReferenceRun } from './accuracy-recipe.ts';
import { meanOf, spreadOf } from './accuracy-means.ts';
import type { Compare } from './compare.ts';
import { listOf, objectOf, textOf, type Family, type Format, type JsonObject, type Source } from './format.ts';
import { accuracyRules } from './rules.ts';

const resultFolder = join(import.meta.dirname, '..', '..', '..', 'bench', 'results', 'accuracy');

/** The runs that a folder keeps, one file each. */
export function readKept(folder: string): readonly KeptRun[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.endsWith('.json')).sort().map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as KeptRun);
}

const runsOf = (json: JsonObject, set: string) => listOf(objectOf(objectOf(json, 'sets'), set), 'runs') as readonly ReferenceRun[];

/** All that tells a reference run from another but its seed and what came of it. */
const recipeKey = ({ method, variant, base, matmul, layer, eps, n_train: rows, recipe }: ReferenceRun) => JSON.stringify([method, variant, base, matmul, layer, eps, rows, recipe]);

/** Accuracies of the runs of one recipe, each seed once. */
function accuraciesOf(runs: readonly ReferenceRun[]): readonly number[] {
  const bySeed = new Map<number, number>();
  for (const { seed, result } of runs) {
    const { acc, acc_seeds: all } = result.test;
    for (const [index, one] of [seed ?? 0].flat().entries()) bySeed.set(one, all?.[index] ?? acc ?? NaN);
  }
  return [...bySeed.values()];
}

/** Why no kept run is of this recipe: the settings in which the nearest one differs. */
function reasonOf(set: string, run: ReferenceRun, kept: readonly KeptRun[]): string {
  const never = notOurs(set, run);
  if (never !== null) return never;
  const nearest = kept.filter((one) => one.set === set).map((one) => differences(run, one)).filter((found) => found !== null).sort((a, b) => a.length - b.length)[0];
  return nearest ? nearest.join('; ') : `no ${kindOf(run) ?? 'run of this kind'} on ${set} is kept`;
}

const points = (value: number) => `${value < 0 ? '-' : '+'}${Math.abs(100 * value).toFixed(1)}`;

/** What tells the entries of a family apart. */
const entryName = ({ variant, layer, base, matmul }: ReferenceRun) => [variant, layer === undefined ? undefined : `layer ${layer}`, base, matmul === 'f32' ? undefined : matmul].filter((part) => part !== undefined).join(', ');

function compareRun(set: string, run: ReferenceRun, kept: readonly KeptRun[], { json }: Source, compare: Compare): void {
  const same = kept.filter((one) => one.set === set && differences(run, one)?.length === 0);
  if (same.length === 0) return compare.noKeptRun(`${entryName(run)}: ${reasonOf(set, run, kept)}`);
  const testRows = same[0]!.testRows;
  const ours = meanOf(same.map(({ accuracy }) => accuracy), testRows);
  const reference = meanOf(accuraciesOf(runsOf(json, set).filter((one) => recipeKey(one) === recipeKey(run))), testRows);
  const spread = spreadOf(ours, reference, testRows);
  const inWords = ({ value, runs }: typeof ours) => `${value.toFixed(4)} of ${runs} ${runs === 1 ? 'run' : 'runs'}`;
  compare.say(`${entryName(run)}: kept ${inWords(ours)}, reference ${inWords(reference)}: ${points(ours.value - reference.value)} points, ${points(-spread - accuracyRules['result.test.acc'].absolute)} allowed`);
  compare('result.test.acc', ours.value, reference.value - spread);
  if (run.mu !== undefined) compare('mu', gaussianMu(run.eps ?? NaN, run.delta ?? NaN), run.mu);
}

let kept: readonly KeptRun[] | null = null;

/** The family of a set, a method and an epsilon. */
export function accuracyFamily(name: string, runs: readonly KeptRun[]): Family {
  const [set] = name.split(': ');
  return { name, fields: accuracyRules, check: (entry, compare, source) => compareRun(set!, entry as unknown as ReferenceRun, runs, source, compare) };
}

function entriesOf(json: JsonObject): ReadonlyMap<string, readonly JsonObject[]> {
  const found = new Map<string, JsonObject[]>();
  for (const key of Object.keys(json)) if (key !== 'meta' && key !== 'sets') found.set(key, []);
  for (const set of Object.keys(objectOf(json, 'sets'))) {
    for (const run of listOf(objectOf(objectOf(json, 'sets'), set), 'runs')) {
      if (!isJsonObject(run)) throw new Error(`field runs of ${set} is not a list of objects`);
      const name = `${set}: ${textOf(run, 'method')}, ${typeof run['eps'] === 'number' ? `epsilon ${run['eps']}` : 'not private'}`;
      found.set(name, [...(found.get(name) ?? []), run]);
    }
  }
  return found;
}

export const accuracyFormat: Format = {
  name: 'accuracy',
  isFormat: (json) => isJsonObject(json['sets']),
  families: (name) => (name.includes(': ') ? accuracyFamily(name, (kept ??= readKept(resultFolder))) : undefined),
  entriesOf,
};
