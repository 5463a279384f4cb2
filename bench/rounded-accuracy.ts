/**
 * `npm run bench -- accuracy --rounded [--set mts|banking] [--method head|lora] [--seeds 3] [--print]`: whether accuracy pays for inputs that are rounded to integers.
 * Each pair is one plan run twice, its frozen maps reading float32 and reading rounded inputs, from the same seed and, where private, under the very same noise:
 * whatever differs is the rounding. A pair that `results/rounded-accuracy.json` has is read, not repeated.
 * `head` reads frozen features, which the product rounds where that is faster. `lora` rounds in every forward pass of training too, which the product never does.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultModelFolder, nodeKernels, openHeadProducts, readModelFolder } from '../src/cli/node-engine.ts';
import { createEngine } from '../src/engine/bert.ts';
import type { Engine } from '../src/engine/engine.ts';
import type { OpenModel } from '../src/engine/model/open-model.ts';
import { instantiateKernels } from '../src/engine/wasm/module.ts';
import { createWasmOperations, wasmMicroBatchTokens } from '../src/engine/wasm/wasm-operations.ts';
import { oncePerTensor, type KeyStream } from '../src/privacy/key-stream.ts';
import { createTrainer } from '../src/training/in-process-trainer.ts';
import { isPrivate, type Plan } from '../src/training/plan.ts';
import { rememberPooled } from '../src/training/remembered-engine.ts';
import { trainOnce } from '../src/training/train-once.ts';
import { groupUnits, tokenizeNotes } from '../src/training/units.ts';
import { countsForNobody, planOf, type Cell } from './accuracy.ts';
import { machineInWords } from './machine.ts';
import { PooledFile } from './pooled-file.ts';
import { publicSets, type PublicSet, type SetName } from './public-sets.ts';

const root = join(import.meta.dirname, '..');
const resultFile = join(root, 'bench', 'results', 'rounded-accuracy.json');
/** Epochs of LoRA here: a pair takes a core half an hour. */
const loraEpochs = 3;

interface Score {
  readonly accuracy: number;
  readonly macroF1: number;
}

interface Pair extends Cell {
  readonly exact: Score;
  readonly rounded: Score;
  /** Test rows that the two models answer differently, of all. */
  readonly changedAnswers: number;
  readonly testRows: number;
  readonly seconds: number;
  readonly plan: Plan;
  readonly machine: string;
}

const isSame = (a: Cell, b: Cell) => a.set === b.set && a.method === b.method && a.epsilon === b.epsilon && a.seed === b.seed;

function wantedCells(args: readonly string[]): Cell[] {
  const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  const seeds = Number(option('--seeds') ?? 3);
  const cells: Cell[] = [];
  for (const set of ['mts', 'banking'] as const) for (const epsilon of [null, 0.5, 1, 3, 8]) for (let seed = 0; seed < seeds; seed++) cells.push({ set, method: 'head', epsilon, seed });
  cells.push({ set: 'mts', method: 'lora', epsilon: null, seed: 0 });
  return cells.filter(({ set, method }) => (option('--set') ?? set) === set && (option('--method') ?? method) === method);
}

/** The same noise whenever it is asked for: for pairs over public rows, and for nothing that anybody trains. */
function repeatableKeys({ set, method, epsilon, seed }: Cell): KeyStream {
  const key = createHash('sha256').update(`${set} ${method} ${epsilon} ${seed}`).digest();
  return oncePerTensor({
    bytes(step, tensor, byteCount) {
      const counter = Buffer.alloc(16);
      counter.writeUInt32BE(step, 0);
      counter.writeUInt32BE(tensor, 4);
      return Promise.resolve(new Uint8Array(createCipheriv('aes-256-ctr', key, counter).update(new Uint8Array(byteCount))));
    },
  });
}

/** An engine whose forward passes all read rounded inputs, or none. */
async function openEngine({ weights }: OpenModel, isRounding: boolean): Promise<Engine> {
  const { roundInputs, ...operations } = createWasmOperations(await instantiateKernels(nodeKernels));
  roundInputs?.(isRounding);
  // Without the switch the engine leaves it as it is.
  return createEngine(operations, weights, { maximumTokens: wasmMicroBatchTokens });
}

interface Side {
  readonly engine: Engine;
  /** Pooled outputs of this side alone. */
  readonly memory: PooledFile;
}

interface Prepared {
  readonly data: PublicSet;
  readonly model: OpenModel;
  readonly exact: Side;
  readonly rounded: Side;
}

async function prepare(set: SetName): Promise<Prepared> {
  const model = await readModelFolder(defaultModelFolder);
  const side = async (isRounding: boolean): Promise<Side> => ({
    engine: await openEngine(model, isRounding),
    memory: PooledFile.open(join(root, '.cache', `pooled-${set}-${isRounding ? 'rounded' : 'exact'}.bin`), model.weights.shape.width),
  });
  return { data: await publicSets[set](), model, exact: await side(false), rounded: await side(true) };
}

function planOfPair(cell: Cell, data: PublicSet, encoderLayers: number): Plan {
  const plan = planOf(cell, data, encoderLayers);
  return plan.kind === 'plain-lora' ? { ...plan, epochs: loraEpochs } : plan;
}

async function runPair(cell: Cell, { data, model, exact, rounded }: Prepared): Promise<Pair> {
  const started = performance.now();
  const plan = planOfPair(cell, data, model.weights.shape.layers);
  const units = async (notes: PublicSet['training']) => groupUnits(await tokenizeNotes(notes, model.tokenizer, data.maximumLength), data.labels, 'row').units;
  const [training, heldOut] = [await units(data.training), await units(data.test)];
  const labelSentences = data.labels.map((label) => model.tokenizer.encode(data.sentences[label] ?? label, data.maximumLength).ids);
  const trained = async ({ engine, memory }: Side) => {
    const trainers = [createTrainer(rememberPooled(engine, memory), { openHeadProducts })];
    const result = await trainOnce({
      plan, labels: data.labels, training, heldOut, labelSentences, trainers,
      charges: isPrivate(plan) ? countsForNobody : null, keys: isPrivate(plan) ? repeatableKeys(cell) : null, clock: () => performance.now(),
    });
    memory.save();
    return result;
  };
  const [one, other] = [await trained(exact), await trained(rounded)];
  const testRows = heldOut.reduce((sum, { rows }) => sum + rows.length, 0);
  const answers = (logits: Float32Array) => Array.from({ length: testRows }, (_, row) => {
    const own = logits.subarray(row * data.labels.length, (row + 1) * data.labels.length);
    return own.indexOf(Math.max(...own));
  });
  const [a, b] = [answers(one.outcome.heldOutLogits.value), answers(other.outcome.heldOutLogits.value)];
  const score = ({ classification: { accuracy, macroF1 } }: typeof one): Score => ({ accuracy: accuracy.value ?? NaN, macroF1 });
  return {
    ...cell, exact: score(one), rounded: score(other), changedAnswers: a.filter((answer, row) => answer !== b[row]).length, testRows,
    seconds: (performance.now() - started) / 1000, plan, machine: machineInWords(),
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const points = (value: number) => `${value >= 0 ? '+' : ''}${(100 * value).toFixed(2)}`;

function print(pairs: readonly Pair[]): void {
  console.log('| set | method | epsilon | pairs | accuracy in float32 | rounded | difference, points | largest | macro-F1, points | answers that change |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const name = `${pair.set} ${pair.method} ${pair.epsilon}`;
    groups.set(name, [...(groups.get(name) ?? []), pair]);
  }
  for (const group of groups.values()) {
    const { set, method, epsilon } = group[0]!;
    const differences = group.map(({ exact, rounded }) => rounded.accuracy - exact.accuracy);
    const largest = differences.reduce((found, value) => (Math.abs(value) > Math.abs(found) ? value : found), 0);
    const columns = [
      set, method, epsilon ?? 'not private', group.length, mean(group.map(({ exact }) => exact.accuracy)).toFixed(4), mean(group.map(({ rounded }) => rounded.accuracy)).toFixed(4),
      points(mean(differences)), points(largest), points(mean(group.map(({ exact, rounded }) => rounded.macroF1 - exact.macroF1))),
      `${group.reduce((sum, { changedAnswers }) => sum + changedAnswers, 0)} of ${group.reduce((sum, { testRows }) => sum + testRows, 0)}`,
    ];
    console.log(`| ${columns.join(' | ')} |`);
  }
}

export async function run(args: readonly string[]): Promise<void> {
  const read = (): Pair[] => (existsSync(resultFile) ? JSON.parse(readFileSync(resultFile, 'utf8')) : []);
  const cells = wantedCells(args);
  const prepared = new Map<SetName, Promise<Prepared>>();
  for (const cell of args.includes('--print') ? [] : cells) {
    if (read().some((pair) => isSame(pair, cell))) continue;
    const parts = prepared.get(cell.set) ?? prepare(cell.set);
    prepared.set(cell.set, parts);
    const pair = await runPair(cell, await parts);
    writeFileSync(resultFile, `${JSON.stringify([...read(), pair], null, 1)}\n`);
    console.error(`${cell.set} ${cell.method} epsilon ${cell.epsilon ?? 'none'} seed ${cell.seed}: ${pair.exact.accuracy.toFixed(4)}, rounded ${pair.rounded.accuracy.toFixed(4)}, in ${pair.seconds.toFixed(0)} s`);
  }
  print(read().filter((pair) => cells.some((cell) => isSame(pair, cell))));
}
