/**
 * `npm run bench -- private-accuracy [--print]`: accuracy of the private head over 5 runs with a 95 % interval of the mean, beside a head that Opacus trains on
 * the same frozen features for the same (epsilon, delta). Opacus runs where BEDSIDE_PYTHON names a Python that has it; what it gave is kept, and read where not.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { preparedOnce, resultsOf, type Cell, type Prepared } from './accuracy.ts';
import type { SetName } from './public-sets.ts';

const root = join(import.meta.dirname, '..');
const opacusResults = join(root, 'bench', 'results', 'opacus-head.json');
const epsilons = [0.5, 1, 3, 8];
const seeds = 5;
/** One over Opacus' sampling rate: half of some hundred rows a step, a tenth of some thousand. */
const parts: Readonly<Record<SetName, number>> = { mts: 2, banking: 10 };
/** Quantile .975 of Student's t with 4 degrees of freedom. */
const studentQuantile = 2.776;

interface OpacusRun {
  readonly set: SetName;
  readonly epsilon: number;
  readonly seed: number;
  readonly accuracy: number;
  readonly macroF1: number;
  readonly noiseMultiplier: number;
  readonly epsilonSpent: number;
}

/** Features of the last layer and label numbers, training rows first. */
async function writeFeatures(folder: string, name: SetName, { data, training, test, headEngine }: Prepared): Promise<void> {
  const { width, layers } = headEngine.shape;
  const rows = [...training, ...test].flatMap((unit) => unit.rows);
  const values = new Float32Array(rows.length * (width + 1));
  for (let at = 0; at < rows.length; at += 64) {
    const some = rows.slice(at, at + 64);
    const offsets = new Int32Array(some.length + 1);
    some.forEach(({ ids }, row) => (offsets[row + 1] = offsets[row]! + ids.length));
    const ids = new Int32Array(offsets[some.length]!);
    some.forEach((row, index) => ids.set(row.ids, offsets[index]));
    const pooled = await headEngine.encode({ ids, offsets }, [layers]);
    some.forEach(({ label }, index) => {
      values.set(pooled.subarray(index * width, (index + 1) * width), (at + index) * (width + 1));
      values[(at + index + 1) * (width + 1) - 1] = label;
    });
  }
  const trainingRows = training.reduce((sum, unit) => sum + unit.rows.length, 0);
  writeFileSync(join(folder, `${name}.bin`), Buffer.from(values.buffer));
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ trainingRows, testRows: rows.length - trainingRows, width, classes: data.labels.length, delta: 1 / (10 * trainingRows), parts: parts[name] }));
}

async function runOpacus(python: string, preparedOf: (set: SetName) => Promise<Prepared>): Promise<readonly OpacusRun[]> {
  const folder = join(root, '.cache', 'opacus');
  mkdirSync(folder, { recursive: true });
  for (const name of ['mts', 'banking'] as const) await writeFeatures(folder, name, await preparedOf(name));
  const lines = execFileSync(python, [join(root, 'bench', 'opacus_head.py'), folder, String(seeds)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const runs: OpacusRun[] = lines.trim().split('\n').map((line) => JSON.parse(line));
  writeFileSync(opacusResults, `${JSON.stringify(runs, null, 1)}\n`);
  return runs;
}

function meanInWords(values: readonly number[]): string {
  if (values.length === 0) return 'not run';
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < seeds) return `${mean.toFixed(4)} (${values.length} runs)`;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const half = studentQuantile * Math.sqrt(variance / values.length);
  return `${mean.toFixed(4)} ± ${half.toFixed(4)}`;
}

export async function run(args: readonly string[]): Promise<void> {
  const preparedOf = preparedOnce();
  const cells = (['mts', 'banking'] as const).flatMap((set) => epsilons.flatMap((epsilon) => Array.from({ length: seeds }, (_, seed): Cell => ({ set, method: 'head', epsilon, seed }))));
  const own = await resultsOf(cells, preparedOf, !args.includes('--print'));
  const python = process.env['BEDSIDE_PYTHON'];
  const kept: readonly OpacusRun[] = existsSync(opacusResults) ? JSON.parse(readFileSync(opacusResults, 'utf8')) : [];
  const opacus = python !== undefined && !args.includes('--print') ? await runOpacus(python, preparedOf) : kept;
  console.log('| set | epsilon | Bedside accuracy | Opacus accuracy | Bedside macro-F1 | Opacus macro-F1 |\n| --- | --- | --- | --- | --- | --- |');
  for (const set of ['mts', 'banking'] as const) {
    for (const epsilon of epsilons) {
      const of = (runs: readonly { readonly set: SetName; readonly epsilon: number | null; readonly accuracy: number; readonly macroF1: number }[], what: 'accuracy' | 'macroF1') => meanInWords(runs.filter((one) => one.set === set && one.epsilon === epsilon).map((one) => one[what]));
      console.log(`| ${set} | ${epsilon} | ${of(own, 'accuracy')} | ${of(opacus, 'accuracy')} | ${of(own, 'macroF1')} | ${of(opacus, 'macroF1')} |`);
    }
  }
}
