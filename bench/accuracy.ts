/**
 * `npm run bench -- accuracy [--set mts|banking] [--method head|lora|layers] [--seeds 3] [--print]`: accuracy and macro-F1 of the head, of LoRA and of whole layers,
 * not private and at several epsilons, on public data, beside reference values of the same recipe. Resumable: one result file a run; a run whose file exists is read, not repeated.
 * With `--rounded` the same runs twice, with and without rounded inputs: see `./rounded-accuracy.ts`.
 * The rows are public, so charges count for nobody; noise keys are fresh in every run, and a "seed" of a private run is a number of the repeat.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { defaultModelFolder, openHeadProducts, openNodeModel } from '../src/cli/node-engine.ts';
import { startNodeTrainers, type NodeTrainers } from '../src/cli/node-trainers.ts';
import type { Engine } from '../src/engine/engine.ts';
import { rememberPooled } from '../src/training/remembered-engine.ts';
import { createTrainer } from '../src/training/in-process-trainer.ts';
import { isPrivate, type Plan } from '../src/training/plan.ts';
import { planOfKind, type PlanFacts } from '../src/training/propose.ts';
import type { ChargePort } from '../src/training/session-input.ts';
import { trainOnce } from '../src/training/train-once.ts';
import type { TokenizedUnit, Trainer } from '../src/training/trainer.ts';
import { groupUnits, tokenizeNotes } from '../src/training/units.ts';
import { publicSets, type PublicSet, type SetName } from './public-sets.ts';
import { PooledFile } from './pooled-file.ts';
import { machineInWords } from './machine.ts';
import { referenceAccuracy } from './reference-accuracy.ts';

const root = join(import.meta.dirname, '..');
const resultFolder = join(root, 'bench', 'results', 'accuracy');

export interface Cell {
  readonly set: SetName;
  readonly method: 'head' | 'lora' | 'layers';
  readonly epsilon: number | null;
  readonly seed: number;
}

export interface CellResult extends Cell {
  readonly accuracy: number;
  readonly macroF1: number;
  readonly delta: number | null;
  readonly trainingRows: number;
  readonly testRows: number;
  readonly seconds: number;
  readonly plan: Plan;
  readonly machine: string;
}

export const countsForNobody: ChargePort = { charge: () => Promise.resolve() };
const resultFile = ({ set, method, epsilon, seed }: Cell) => join(resultFolder, `${set}-${method}-${epsilon === null ? 'plain' : `eps${epsilon}`}-seed${seed}.json`);

function wantedCells(args: readonly string[]): Cell[] {
  const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  const seeds = Number(option('--seeds') ?? 3);
  const cells: Cell[] = [];
  for (const set of ['mts', 'banking'] as const) {
    for (const epsilon of [null, 0.5, 1, 3, 8]) for (let seed = 0; seed < seeds; seed++) cells.push({ set, method: 'head', epsilon, seed });
    for (const epsilon of [null, 3]) cells.push({ set, method: 'lora', epsilon, seed: 0 });
    // On banking77, whose notes are eight times as many, an hour of two cores a run.
    if (set === 'mts') for (let seed = 0; seed < Math.min(seeds, 2); seed++) cells.push({ set, method: 'layers', epsilon: null, seed });
  }
  return cells.filter(({ set, method }) => (option('--set') ?? set) === set && (option('--method') ?? method) === method);
}

/** How a method is called where it is not private, and where it is. */
const plainKinds = { head: 'plain-head', lora: 'plain-lora', layers: 'plain-layers' } as const;
const privateKinds = { head: 'full-batch-head', lora: 'dp-sgd' } as const;

function kindOf({ method, epsilon }: Cell): Plan['kind'] {
  if (epsilon === null) return plainKinds[method];
  if (method === 'layers') throw new Error('Whole layers are never private: expected no epsilon.');
  return privateKinds[method];
}

/** The product's own plan, with the reference's delta and, for LoRA, its epochs, rate and batch; on mts-dialog, where no reference trained LoRA privately, all of DP-SGD is the product's. */
export function planOf(cell: Cell, data: PublicSet, encoderLayers: number): Plan {
  const { set, epsilon, seed } = cell;
  const facts: PlanFacts = {
    trainingUnits: data.training.length, trainingRows: data.training.length, heldOutUnits: data.test.length, heldOutRows: data.test.length, classes: data.labels.length, unit: 'row',
    encoderLayers, maximumLength: data.maximumLength, heldOutShare: 0, seed, epsilon: epsilon ?? 1, delta: 1 / (10 * data.training.length),
  };
  const plan = planOfKind(kindOf(cell), facts);
  if (plan.kind === 'plain-head') return { ...plan, epochs: set === 'mts' ? 40 : 15, batchSize: 64, learningRate: 0.01, weightDecay: 1e-4 };
  if (plan.kind === 'plain-lora') return { ...plan, ...(set === 'mts' ? { epochs: 8, learningRate: 1e-3, batchSize: 16 } : { epochs: 5, learningRate: 2e-3, batchSize: 64 }), weightDecay: 0.01 };
  if (plan.kind === 'dp-sgd') return { ...plan, validationEpsilon: null, ...(set === 'banking' ? { expectedBatchSize: 512, steps: 80, learningRate: 0.005, clipNorm: 0.5 } : {}) };
  if (plan.kind === 'full-batch-head') return { ...plan, validationEpsilon: null };
  return plan;
}

export interface Prepared {
  readonly data: PublicSet;
  readonly training: readonly TokenizedUnit[];
  readonly test: readonly TokenizedUnit[];
  readonly sentences: readonly Int32Array[];
  readonly headTrainers: readonly Trainer[];
  /** With its outputs remembered. */
  readonly headEngine: Engine;
  readonly memory: PooledFile;
  readonly encoderLayers: number;
  /** For plans that train inside the encoder. */
  encoderTrainers(): Promise<NodeTrainers>;
}

async function prepare(name: SetName): Promise<Prepared> {
  const data = await publicSets[name]();
  const { engine, tokenizer } = await openNodeModel(defaultModelFolder);
  const units = async (notes: PublicSet['training']) => groupUnits(await tokenizeNotes(notes, tokenizer, data.maximumLength), data.labels, 'row').units;
  const memory = PooledFile.open(join(root, '.cache', `pooled-${name}.bin`), engine.shape.width);
  const sentences = data.labels.map((label) => tokenizer.encode(data.sentences[label] ?? label, data.maximumLength).ids);
  const headEngine = rememberPooled(engine, memory);
  return { data, training: await units(data.training), test: await units(data.test), sentences, memory, encoderLayers: engine.shape.layers, headTrainers: [createTrainer(headEngine, { openHeadProducts })], headEngine, encoderTrainers: () => startNodeTrainers(defaultModelFolder, engine) };
}

async function runCell(cell: Cell, prepared: Prepared): Promise<CellResult> {
  const plan = planOf(cell, prepared.data, prepared.encoderLayers);
  const started = performance.now();
  const within = cell.method === 'head' ? null : await prepared.encoderTrainers();
  try {
    const { classification } = await trainOnce({
      plan, labels: prepared.data.labels, training: prepared.training, heldOut: prepared.test, labelSentences: prepared.sentences, trainers: within?.trainers ?? prepared.headTrainers,
      charges: isPrivate(plan) ? countsForNobody : null, keys: isPrivate(plan) ? createNodeKeyStream() : null, clock: () => performance.now(),
      onProgress: ({ phase, step, steps, heldOut }) => {
        if (heldOut && cell.method !== 'head') console.error(`  ${phase} ${step}/${steps}: ${heldOut.value.accuracy.value?.toFixed(4)}`);
      },
    });
    prepared.memory.save();
    return {
      ...cell, accuracy: classification.accuracy.value ?? NaN, macroF1: classification.macroF1, delta: isPrivate(plan) ? plan.delta : null,
      trainingRows: prepared.training.length, testRows: prepared.test.length, seconds: (performance.now() - started) / 1000, plan, machine: machineInWords(),
    };
  } finally {
    await within?.close();
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function printTable(results: readonly CellResult[]): void {
  console.log('| set | method | epsilon | runs | accuracy | macro-F1 | reference accuracy | reference macro-F1 | difference, points |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  const groups = new Map<string, CellResult[]>();
  for (const result of results) {
    const name = `${result.set}|${result.method}|${result.epsilon}`;
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  for (const group of groups.values()) {
    const { set, method, epsilon } = group[0]!;
    const accuracy = mean(group.map((result) => result.accuracy));
    const reference = referenceAccuracy(group[0]!);
    const columns = [set, method, epsilon ?? 'not private', group.length, accuracy.toFixed(4), mean(group.map((result) => result.macroF1)).toFixed(4), reference?.accuracy.toFixed(4) ?? 'none', reference?.macroF1.toFixed(4) ?? 'none', reference ? (100 * (accuracy - reference.accuracy)).toFixed(1) : ''];
    console.log(`| ${columns.join(' | ')} |`);
  }
}

/** The results of cells: those that are kept are read, the others run unless `mayRun` forbids it. `preparedOf` gives a set's rows, once. */
export async function resultsOf(cells: readonly Cell[], preparedOf: (set: SetName) => Promise<Prepared>, mayRun: boolean): Promise<CellResult[]> {
  mkdirSync(resultFolder, { recursive: true });
  const results: CellResult[] = [];
  for (const cell of cells) {
    const file = resultFile(cell);
    if (existsSync(file)) {
      const kept: CellResult = JSON.parse(readFileSync(file, 'utf8'));
      results.push(kept);
      continue;
    }
    if (!mayRun) continue;
    const result = await runCell(cell, await preparedOf(cell.set));
    writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
    results.push(result);
    console.error(`${cell.set} ${cell.method} epsilon ${cell.epsilon ?? 'none'} seed ${cell.seed}: ${result.accuracy.toFixed(4)} in ${result.seconds.toFixed(0)} s`);
  }
  return results;
}

/** Prepares each set when it is first asked for. */
export function preparedOnce(): (set: SetName) => Promise<Prepared> {
  const prepared = new Map<SetName, Promise<Prepared>>();
  return (set) => {
    const known = prepared.get(set) ?? prepare(set);
    prepared.set(set, known);
    return known;
  };
}

export async function run(args: readonly string[]): Promise<void> {
  if (args.includes('--rounded')) return (await import('./rounded-accuracy.ts')).run(args);
  printTable(await resultsOf(wantedCells(args), preparedOnce(), !args.includes('--print')));
}
