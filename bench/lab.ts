/**
 * `npm run bench -- lab [--only sample|mts] [--print]`: the attack lab's table for the built-in sample and for mts-dialog: the private head at epsilon 8, 3 and 1 beside its
 * twin that is not private (epsilon infinity); with `--plan dp-sgd|lora` adapters, see `lab-adapters.ts`. One audit an epsilon, of the size that the app takes. Kept in `bench/results/lab.json`, set by set; `--print` prints the table of what is kept.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { defaultModelFolder, openHeadProducts, openNodeModel } from '../src/cli/node-engine.ts';
import { guessColumns, guessedRoles } from '../src/data/columns.ts';
import { buildDataset } from '../src/data/dataset.ts';
import { sampleTable } from '../src/data/sample.ts';
import type { Note } from '../src/data/table.ts';
import { mulberry32 } from '../src/ground/random.ts';
import type { PrivacyUnit } from '../src/privacy/events.ts';
import type { AttackResult, ModelAudit } from '../src/training/audit/audit-report.ts';
import { runAudit } from '../src/training/audit/audit-run.ts';
import { createTrainer } from '../src/training/in-process-trainer.ts';
import { sentencesOf } from '../src/training/label-words.ts';
import { planOfKind, type PlanFacts } from '../src/training/propose.ts';
import { rememberPooled } from '../src/training/remembered-engine.ts';
import { groupUnits, tokenizeNotes } from '../src/training/units.ts';
import { printLab } from './lab-table.ts';
import { machineInWords } from './machine.ts';
import { PooledFile } from './pooled-file.ts';
import { publicSets } from './public-sets.ts';

const root = join(import.meta.dirname, '..');
const resultFile = join(root, 'bench', 'results', 'lab.json');

interface LabSet {
  readonly notes: readonly Note[];
  readonly labels: readonly string[];
  readonly sentences: Readonly<Record<string, string>>;
  readonly unit: PrivacyUnit;
}

/** The sample as the app takes it, all of its notes; the training part of mts-dialog. */
export const labSets: Readonly<Record<'sample' | 'mts', () => Promise<LabSet>>> = {
  async sample() {
    const table = sampleTable();
    const { notes, labels } = buildDataset(table, guessedRoles(guessColumns(table)));
    return { notes, labels, sentences: {}, unit: 'person' };
  },
  async mts() {
    const { training, labels, sentences } = await publicSets.mts();
    return { notes: training, labels, sentences, unit: 'row' };
  },
};

const attackRow = ({ area, areaInterval, atOnePercent: { found, low, high, falseAlarms } }: AttackResult) => ({ area, areaInterval, atOnePercent: { found, low, high, falseAlarms } });
const rowOf = (epsilon: number | null, { loss, calibrated, canary }: ModelAudit) => ({ epsilon, loss: attackRow(loss), calibrated: attackRow(calibrated), canary });
type Row = ReturnType<typeof rowOf>;

async function measure(name: keyof typeof labSets): Promise<object> {
  const { notes, labels, sentences, unit } = await labSets[name]();
  const { engine, tokenizer } = await openNodeModel(defaultModelFolder);
  const { units } = groupUnits(await tokenizeNotes(notes, tokenizer, 128), labels, unit);
  const memory = PooledFile.open(join(root, '.cache', `pooled-${name}.bin`), engine.shape.width);
  const facts: PlanFacts = { trainingUnits: units.length, trainingRows: notes.length, heldOutUnits: 0, heldOutRows: 0, classes: labels.length, unit, encoderLayers: engine.shape.layers, maximumLength: 128, heldOutShare: 0, seed: 1, epsilon: 3, delta: 1e-5 };
  const rows: Row[] = [];
  let shape: object = {};
  for (const epsilon of [8, 3, 1]) {
    const { value: report } = await runAudit({
      plan: { ...planOfKind('full-batch-head', facts), epsilon }, twin: planOfKind('plain-head', facts), labels, units,
      labelSentences: sentencesOf(labels, sentences).map((sentence) => tokenizer.encode(sentence, 128).ids),
      trainers: [createTrainer(rememberPooled(engine, memory))],
      world: { createKeys: createNodeKeyStream, yields: () => Promise.resolve(), clock: () => performance.now(), openHeadProducts },
      random: mulberry32(Math.floor(Math.random() * 2 ** 32)),
      onProgress: ({ phase, done, total }) => (phase === 'attacking' && console.error(`${name}, epsilon ${epsilon}: ${done} of ${total}`)),
    });
    memory.save();
    // The twin is the same at every epsilon: the first audit's stands.
    if (rows.length === 0) rows.push(rowOf(null, report.plain));
    rows.push(rowOf(epsilon, report.private));
    shape = { unit, units: report.units, allUnits: report.allUnits, rows: notes.length, classes: labels.length, delta: report.delta, membershipRuns: report.membershipRuns, canaryRuns: report.canaryRuns };
  }
  return { ...shape, machine: machineInWords(), models: rows };
}

/** Adds one result to those that are kept. */
export function keepLabResult(name: string, result: object): void {
  const known: unknown = existsSync(resultFile) ? JSON.parse(readFileSync(resultFile, 'utf8')) : {};
  writeFileSync(resultFile, `${JSON.stringify({ ...(known as object), [name]: result }, null, 2)}\n`);
}

export async function run(args: readonly string[]): Promise<void> {
  if (args.includes('--print')) return printLab(resultFile);
  if (args.includes('--plan')) return (await import('./lab-adapters.ts')).runAdapters(args);
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined;
  mkdirSync(join(root, 'bench', 'results'), { recursive: true });
  for (const name of ['sample', 'mts'] as const) {
    if (only !== undefined && only !== name) continue;
    const result = await measure(name);
    keepLabResult(name, result);
    console.log(name, JSON.stringify(result, null, 2));
  }
}
