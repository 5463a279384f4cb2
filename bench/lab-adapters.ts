/**
 * `npm run bench -- lab --plan dp-sgd|lora [--set sample|mts] [--trained adapters|head] [--epsilon 3] [--steps 20] [--planted 128] [--trainings 1] [--beside 8] [--faults no-noise,tenth,loose-clip,unsampled]`:
 * how well planted notes are found again in adapters of the real encoder, trained as claimed and with faults: the detection power of the lab. `lora` trains without privacy.
 * `npm run bench -- lab --plan dp-sgd --table [--set sample|mts] [--trained adapters|head] [--epsilons 8,3,1] [--steps 80]`: the whole audit as the app takes it, of DP-SGD and of its
 * twin without privacy. Of adapters an audit of the sample takes several hours of one core, of the head alone some minutes. Kept in `bench/results/lab.json`, row by row.
 */
import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { defaultModelFolder, openNodeModel } from '../src/cli/node-engine.ts';
import { mulberry32 } from '../src/ground/random.ts';
import { gaussianEpsilon, gaussianMu } from '../src/privacy/gaussian.ts';
import { guessedPlantedShare, runAdapterAudit, scorePlanted } from '../src/training/audit/adapter-audit.ts';
import { adapterTraining, type AdapterPlan } from '../src/training/audit/adapter-training.ts';
import { canaryResult, tossCoins, type CanaryScores } from '../src/training/audit/canary-audit.ts';
import { designPlantedNotes } from '../src/training/audit/planted-notes.ts';
import { clipsLoosely, stuckStream } from '../src/training/audit/testing/faults.ts';
import { createTrainer } from '../src/training/in-process-trainer.ts';
import { sentencesOf } from '../src/training/label-words.ts';
import type { DpSgdPlan } from '../src/training/plan.ts';
import { planOfKind, type PlanFacts } from '../src/training/propose.ts';
import { dpSgdMechanism } from '../src/training/run-dp-sgd.ts';
import { groupUnits, tokenizeNotes } from '../src/training/units.ts';
import { keepLabResult, labSets } from './lab.ts';
import { machineInWords } from './machine.ts';

const faults = ['none', 'no-noise', 'tenth', 'loose-clip', 'unsampled'] as const;
type Fault = (typeof faults)[number];

/** What is done where the fault is one of the plan. */
function faultyPlan(plan: AdapterPlan, fault: Fault, units: number): AdapterPlan {
  if (plan.kind !== 'dp-sgd') return plan;
  const { noiseMultiplier, samplingRate } = dpSgdMechanism(plan, units);
  const allUnits = (multiplier: number): DpSgdPlan => ({ ...plan, expectedBatchSize: units, epsilon: gaussianEpsilon(Math.sqrt(plan.steps) / multiplier, plan.delta) });
  if (fault === 'unsampled') return allUnits(noiseMultiplier);
  if (fault === 'tenth') return samplingRate === 1 ? { ...plan, epsilon: gaussianEpsilon(10 * gaussianMu(plan.epsilon, plan.delta), plan.delta) } : allUnits(noiseMultiplier / 10);
  return plan;
}

/** Distance of the means of both coins' scores, in deviations of one. */
function separation(runs: readonly CanaryScores[]): number {
  const of = (wanted: boolean) => runs.flatMap(({ scores, isIn }) => Array.from(scores).filter((_, index) => isIn[index] === wanted));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = (values: readonly number[]) => values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1);
  const [planted, left] = [of(true), of(false)];
  return (mean(planted) - mean(left)) / Math.sqrt((variance(planted) + variance(left)) / 2);
}

export async function runAdapters(args: readonly string[]): Promise<void> {
  const given = (name: string) => (args.includes(`--${name}`) ? args[args.indexOf(`--${name}`) + 1] : undefined);
  const number = (name: string, usual: number) => Number(given(name) ?? usual);
  const isPrivate = given('plan') !== 'lora';
  const set = given('set') ?? 'sample';
  if (set !== 'sample' && set !== 'mts') throw new Error(`Expected --set sample or mts; found ${set}.`);
  const trained = given('trained') ?? 'adapters';
  if (trained !== 'adapters' && trained !== 'head') throw new Error(`Expected --trained adapters or head; found ${trained}.`);
  const { notes, labels, sentences, unit } = await labSets[set]();
  const { engine, tokenizer } = await openNodeModel(defaultModelFolder);
  const { units } = groupUnits(await tokenizeNotes(notes, tokenizer, 128), labels, unit);
  const facts: PlanFacts = { trainingUnits: units.length, trainingRows: notes.length, heldOutUnits: 0, heldOutRows: 0, classes: labels.length, unit, encoderLayers: engine.shape.layers, maximumLength: 128, heldOutShare: 0, seed: 1, epsilon: number('epsilon', 3), delta: 1e-5 };
  const ofParts = <P extends AdapterPlan>(plan: P): P => (trained === 'head' ? { ...plan, lora: { ...plan.lora, layers: [] } } : plan);
  const plan = { ...ofParts(planOfKind('dp-sgd', facts)), steps: number('steps', 80), validationEpsilon: null };
  const twin = ofParts(planOfKind('plain-lora', facts));
  const labelSentences = sentencesOf(labels, sentences).map((sentence) => tokenizer.encode(sentence, 128).ids);
  const random = mulberry32(Math.floor(Math.random() * 2 ** 32));
  const world = { createKeys: createNodeKeyStream, yields: () => Promise.resolve(), clock: () => performance.now() };
  const trainer = createTrainer(engine);

  if (args.includes('--table')) {
    for (const epsilon of (given('epsilons') ?? String(facts.epsilon)).split(',').map(Number)) {
      const { value: report } = await runAdapterAudit({ plan: { ...plan, epsilon }, twin, labels, units, labelSentences, trainers: [trainer], world, random, onProgress: ({ done, total, share = 0 }) => console.error(`epsilon ${epsilon}: ${done} of ${total} models, ${(100 * share).toFixed(1)} %`) });
      const rowOf = ({ loss, calibrated, canary }: typeof report.private) => ({ loss: { ...loss, points: undefined }, calibrated: { ...calibrated, points: undefined }, canary });
      // One of the sixty-one shares of false alarms is 1 %.
      const mostFound = report.limits.reduce((nearest, one) => (Math.abs(one.falseAlarms - 0.01) < Math.abs(nearest.falseAlarms - 0.01) ? one : nearest)).found;
      const table = { ...report, trained, steps: plan.steps, mostFound, limits: undefined, private: rowOf(report.private), plain: rowOf(report.plain), machine: machineInWords() };
      keepLabResult(`DP-SGD of ${trained}, ${set}, ${plan.steps} steps, epsilon ${epsilon}`, table);
      console.log(JSON.stringify(table, null, 2));
    }
    return;
  }
  const [planted, trainings] = [number('planted', 128), number('trainings', 1)];
  const beside = units.slice(0, number('beside', 8));
  const wanted = isPrivate ? faults.filter((fault) => fault === 'none' || (given('faults') ?? 'no-noise,tenth,loose-clip').split(',').includes(fault)) : (['none'] as const);
  for (const fault of wanted) {
    const startedAtMs = performance.now();
    const count = beside.length + planted;
    const claimed: AdapterPlan = isPrivate ? { ...plan, expectedBatchSize: Math.min(1, number('rate', 1)) * count } : twin;
    const training = adapterTraining({ trainers: [fault === 'loose-clip' ? clipsLoosely(trainer) : trainer], labels, labelSentences, world: fault === 'no-noise' ? { ...world, createKeys: () => stuckStream } : world });
    const runs: CanaryScores[] = [];
    for (let run = 0; run < trainings; run++) {
      const notesIn = designPlantedNotes(units, labelSentences, engine.shape.vocabularySize, planted, random);
      runs.push(await scorePlanted({ training, beside, planted: notesIn, classes: labels.length }, faultyPlan(claimed, fault, count), tossCoins(planted, random)));
    }
    const { guesses, correct, epsilonAtLeast, couldShow } = canaryResult(runs, plan.delta, claimed.kind === 'dp-sgd' && dpSgdMechanism(claimed, count).samplingRate === 1, guessedPlantedShare);
    const row = { plan: claimed.kind, trained, fault, epsilonClaimed: isPrivate ? facts.epsilon : null, steps: isPrivate ? plan.steps : null, planted, trainings, separation: separation(runs), guesses, correct, epsilonAtLeast, couldShow, seconds: (performance.now() - startedAtMs) / 1000, machine: machineInWords() };
    keepLabResult(`planted: ${row.plan} of ${row.trained}${set === 'sample' ? '' : `, ${set}`}, ${fault}`, row);
    console.log(JSON.stringify(row));
  }
}
