import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { gradientNoiseMultiplier, nextClipNorm } from './adaptive-clipping.ts';
import { gaussianFound, gaussianGuessed, pairFound, pairGuessed } from './attack-limit.ts';
import { clusteredInterval } from './audit/clustered-roc.ts';
import { epsilonLowerBound } from './audit/epsilon-bound.ts';
import { oneRunEpsilon, oneRunGaussianEpsilon, oneRunPValue } from './audit/one-run.ts';
import { rocOf, rateAtFalseAlarms } from './audit/roc.ts';
import { LedgerState } from './balance.ts';
import { createGradientAccumulator, createHeadAccumulator, gradientGrid, headGrid } from './clipping.ts';
import { cohortsOf } from './cohort.ts';
import { calibrateNoiseMultiplier, checkMechanism, composedEpsilon, rdpOfCharges, stepsWithinBudget, tallyOf, type Charge } from './composition.ts';
import { discreteGaussianEpsilon, discreteGaussianIntegers, discreteGaussianLoss, discreteGaussianProbabilities, discreteGaussianRdp } from './discrete-gaussian.ts';
import { epsilonLeft } from './epsilon-left.ts';
import type { Mechanism } from './events.ts';
import { forSeveralUnits } from './exposure.ts';
import { gaussianDelta, gaussianEpsilon, gaussianMu, logGaussianDelta } from './gaussian.ts';
import { drawBytes, drawWords } from './key-stream.ts';
import { checkpointsOf } from './known-bounds.ts';
import { laplaceDelta, laplaceLoss, laplaceRdp } from './laplace.ts';
import { composeLattice, latticeDelta, latticeEpsilon, pureLoss, randomizedResponseLoss } from './lattice-loss.ts';
import { drawNoise, noiseEpsilon } from './noise-laws.ts';
import { epsilonWithError, gaussianIntegers, gaussianSamplerError, samplerDelta } from './noise.ts';
import { fixedOrderCharges } from './pld/adjacency.ts';
import { calibrateNoiseMultiplierPld, stepsWithinBudgetPld } from './pld/calibrate.ts';
import { epsilonDeltaPair, laplacePair } from './pld/other-mechanisms.ts';
import { pldDelta, pldEpsilon, pldOf } from './pld/pld.ts';
import { truncatedPoissonPair } from './pld/truncated-poisson.ts';
import { largestMu, repeatAndSelectEpsilon } from './private-search.ts';
import { checkOrders, epsilonOfOrder, rdpEpsilon, rdpOfPoissonGaussian, rdpToEpsilon } from './rdp.ts';
import { deltaOfRdp, drawRepeats, mostPoissonRepeats, repeatAndSelectRdp } from './repeat-and-select.ts';
import { poissonDraw } from './sampling.ts';
import { clipNormsMoved, type SharedUnit } from './shared-unit.ts';
import { singleStepDelta } from './single-step.ts';
import { buildStatement, replaceOneEpsilon } from './statement.ts';
import { testStream } from './testing/streams.ts';
import { isHeldOut } from './unit-hash.ts';

/** What a number must be: what is not is refused. `positive` 0 too; `count` a broken number too; `probability` anything above 1 too. */
type Kind = 'finite' | 'positive' | 'non-negative' | 'count' | 'positive-count' | 'probability' | 'order';
const bad: Readonly<Record<Kind, readonly number[]>> = {
  finite: [NaN, Infinity, -Infinity],
  positive: [NaN, -1, 0],
  'non-negative': [NaN, -1],
  count: [NaN, -1, 0.5],
  'positive-count': [NaN, -1, 0, 0.5],
  probability: [NaN, -0.1, 1.1],
  order: [NaN, -1, 0, 1, Infinity],
};

interface Row {
  readonly name: string;
  readonly arguments: readonly (readonly [value: number, kind: Kind])[];
  readonly call: (...values: number[]) => unknown;
}

const stream = testStream(1);
const gaussian = (noiseMultiplier: number): Mechanism => ({ kind: 'gaussian', noiseMultiplier });
const charges = (noiseMultiplier: number, count: number): readonly Charge[] => [{ mechanism: gaussian(noiseMultiplier), count }];
const facts = { charges: charges(1, 1), unit: 'row', validationEpsilon: null, isSecureNoise: true } as const;
const lattice = laplaceLoss(1, 10);
const poisson = (mean: number) => ({ kind: 'poisson', mean }) as const;
const cohorts = cohortsOf({ unit: 'row', keyId: 'key', training: [{ row: 'a'.repeat(32), person: null }], heldOut: [], declarationId: null, personNaming: null });
const withBudget = new LedgerState([...cohorts.events, { kind: 'budget', id: 'budget', cohortIds: cohorts.events.map(({ cohortId }) => cohortId), epsilonLimit: 4, delta: 1e-5 }]);
const guesses = (canaries: number, made: number, correct: number) => ({ canaries, guesses: made, correct });

const rows: readonly Row[] = [
  { name: 'clusteredInterval', arguments: [[0.5, 'probability'], [10, 'positive-count'], [0.95, 'probability']], call: (share, units, confidence) => clusteredInterval(share!, units!, confidence!) },
  { name: 'epsilonLowerBound', arguments: [[1e-5, 'non-negative'], [0.95, 'probability']], call: (delta, confidence) => epsilonLowerBound({ truePositives: 5, members: 10, falsePositives: 1, others: 10 }, delta!, confidence!) },
  { name: 'oneRunPValue', arguments: [[100, 'count'], [20, 'count'], [15, 'count'], [1, 'non-negative'], [1e-5, 'non-negative']], call: (m, r, v, epsilon, delta) => oneRunPValue(guesses(m!, r!, v!), epsilon!, delta!) },
  { name: 'oneRunEpsilon', arguments: [[100, 'count'], [20, 'count'], [15, 'count'], [1e-5, 'non-negative'], [0.95, 'probability']], call: (m, r, v, delta, confidence) => oneRunEpsilon(guesses(m!, r!, v!), delta!, confidence!) },
  { name: 'oneRunGaussianEpsilon', arguments: [[100, 'count'], [20, 'count'], [15, 'count'], [1e-5, 'non-negative'], [0.95, 'probability']], call: (m, r, v, delta, confidence) => oneRunGaussianEpsilon(guesses(m!, r!, v!), delta!, confidence!) },
  { name: 'rocOf', arguments: [[0.95, 'probability']], call: (confidence) => rocOf([1, 2], [0, 1], confidence!) },
  { name: 'rateAtFalseAlarms', arguments: [[0.01, 'probability'], [0.95, 'probability']], call: (rate, confidence) => rateAtFalseAlarms(rocOf([1, 2], [0, 1]), rate!, confidence!) },
  { name: 'gradientNoiseMultiplier', arguments: [[1, 'positive'], [10, 'positive']], call: (noiseMultiplier, countNoise) => gradientNoiseMultiplier({ noiseMultiplier: noiseMultiplier!, countNoise: countNoise! }) },
  { name: 'nextClipNorm', arguments: [[0.1, 'positive'], [0.9, 'finite'], [0.5, 'probability'], [0.2, 'positive']], call: (clipNorm, noisyUnclippedShare, targetQuantile, learningRate) => nextClipNorm({ clipNorm: clipNorm!, noisyUnclippedShare: noisyUnclippedShare!, targetQuantile: targetQuantile!, learningRate: learningRate! }) },
  { name: 'gradientGrid', arguments: [[0.5, 'positive']], call: (clipNorm) => gradientGrid(clipNorm!) },
  { name: 'headGrid', arguments: [[0.5, 'positive']], call: (clipNorm) => headGrid(clipNorm!) },
  { name: 'createHeadAccumulator', arguments: [[3, 'positive-count'], [4, 'positive-count'], [0.5, 'positive']], call: (classes, inputs, clipNorm) => createHeadAccumulator({ classes: classes!, inputs: inputs!, clipNorm: clipNorm! }) },
  { name: 'createGradientAccumulator', arguments: [[3, 'positive-count'], [0.5, 'positive']], call: (length, clipNorm) => createGradientAccumulator({ length: length!, clipNorm: clipNorm! }) },
  { name: 'checkMechanism', arguments: [[1, 'non-negative']], call: (noise) => checkMechanism(gaussian(noise!)) },
  { name: 'tallyOf', arguments: [[1, 'non-negative'], [3, 'count']], call: (noise, count) => tallyOf(charges(noise!, count!)) },
  { name: 'rdpOfCharges', arguments: [[1, 'non-negative'], [3, 'count'], [2, 'order']], call: (noise, count, order) => rdpOfCharges(charges(noise!, count!), [order!]) },
  { name: 'composedEpsilon', arguments: [[1, 'non-negative'], [3, 'count'], [1e-5, 'non-negative']], call: (noise, count, delta) => composedEpsilon(charges(noise!, count!), delta!) },
  { name: 'calibrateNoiseMultiplier', arguments: [[3, 'positive'], [1e-5, 'positive'], [0.1, 'probability'], [10, 'positive-count']], call: (epsilon, delta, samplingRate, steps) => calibrateNoiseMultiplier({ epsilon: epsilon!, delta: delta!, samplingRate: samplingRate!, steps: steps! }) },
  { name: 'stepsWithinBudget', arguments: [[3, 'positive'], [1e-5, 'positive'], [1, 'probability'], [2, 'positive']], call: (epsilon, delta, samplingRate, noise) => stepsWithinBudget({ epsilon: epsilon!, delta: delta!, samplingRate: samplingRate!, noiseMultiplier: noise! }) },
  { name: 'discreteGaussianEpsilon', arguments: [[1, 'non-negative'], [1e-5, 'non-negative']], call: (mu, delta) => discreteGaussianEpsilon(mu!, delta!) },
  { name: 'discreteGaussianIntegers', arguments: [[1, 'count'], [1, 'count'], [2, 'count'], [3, 'positive']], call: (step, tensor, count, sigma) => discreteGaussianIntegers(stream, step!, tensor!, count!, sigma!) },
  { name: 'discreteGaussianLoss', arguments: [[3, 'positive'], [2, 'positive-count']], call: (sigma, sensitivity) => discreteGaussianLoss(sigma!, sensitivity!) },
  { name: 'discreteGaussianProbabilities', arguments: [[3, 'positive'], [5, 'positive-count']], call: (sigma, reach) => discreteGaussianProbabilities(sigma!, reach!) },
  { name: 'discreteGaussianRdp', arguments: [[1, 'non-negative'], [2, 'order']], call: (mu, order) => discreteGaussianRdp(mu!, order!) },
  { name: 'epsilonLeft', arguments: [[1e-5, 'positive'], [3, 'non-negative'], [0.01, 'non-negative']], call: (delta, atMost, within) => epsilonLeft(withBudget, cohorts.splitId, delta!, { atMost: atMost!, within: within! }) },
  { name: 'forSeveralUnits', arguments: [[2, 'positive-count']], call: (units) => forSeveralUnits(gaussian(1), units!) },
  { name: 'logGaussianDelta', arguments: [[1, 'non-negative'], [1, 'non-negative']], call: (mu, epsilon) => logGaussianDelta(mu!, epsilon!) },
  { name: 'gaussianDelta', arguments: [[1, 'non-negative'], [1, 'non-negative']], call: (mu, epsilon) => gaussianDelta(mu!, epsilon!) },
  { name: 'gaussianEpsilon', arguments: [[1, 'non-negative'], [1e-5, 'non-negative']], call: (mu, delta) => gaussianEpsilon(mu!, delta!) },
  { name: 'gaussianMu', arguments: [[1, 'non-negative'], [1e-5, 'non-negative']], call: (epsilon, delta) => gaussianMu(epsilon!, delta!) },
  { name: 'drawBytes', arguments: [[1, 'count'], [1, 'count'], [8, 'count']], call: (step, tensor, count) => drawBytes(stream, step!, tensor!, count!) },
  { name: 'drawWords', arguments: [[1, 'count'], [1, 'count'], [8, 'count']], call: (step, tensor, count) => drawWords(stream, step!, tensor!, count!) },
  { name: 'checkpointsOf', arguments: [[10, 'count']], call: (steps) => checkpointsOf(steps!) },
  { name: 'laplaceDelta', arguments: [[1, 'positive'], [1, 'non-negative']], call: (b, epsilon) => laplaceDelta(b!, epsilon!) },
  { name: 'laplaceRdp', arguments: [[1, 'positive'], [2, 'order']], call: (b, order) => laplaceRdp(b!, order!) },
  { name: 'laplaceLoss', arguments: [[1, 'positive'], [10, 'positive-count']], call: (b, cells) => laplaceLoss(b!, cells!) },
  { name: 'composeLattice', arguments: [[3, 'count']], call: (count) => composeLattice(lattice, count!) },
  { name: 'latticeDelta', arguments: [[1, 'non-negative']], call: (epsilon) => latticeDelta(lattice, epsilon!) },
  { name: 'latticeEpsilon', arguments: [[1e-5, 'non-negative']], call: (delta) => latticeEpsilon(lattice, delta!) },
  { name: 'pureLoss', arguments: [[1, 'non-negative']], call: (epsilon) => pureLoss(epsilon!) },
  { name: 'randomizedResponseLoss', arguments: [[3, 'positive-count'], [0.5, 'probability']], call: (buckets, noise) => randomizedResponseLoss(buckets!, noise!) },
  { name: 'drawNoise', arguments: [[1, 'count'], [1, 'count'], [2, 'count'], [3, 'positive']], call: (step, tensor, count, sigma) => drawNoise('rounded-gaussian', stream, step!, tensor!, count!, sigma!) },
  { name: 'noiseEpsilon', arguments: [[1, 'non-negative'], [1e-5, 'non-negative']], call: (mu, delta) => noiseEpsilon('discrete-gaussian', mu!, delta!) },
  { name: 'gaussianIntegers', arguments: [[1, 'count'], [1, 'count'], [2, 'count'], [3, 'positive']], call: (step, tensor, count, sigma) => gaussianIntegers(stream, step!, tensor!, count!, sigma!) },
  { name: 'gaussianSamplerError', arguments: [[3, 'positive'], [2, 'count']], call: (sigma, count) => gaussianSamplerError(sigma!, count!) },
  { name: 'samplerDelta', arguments: [[1, 'non-negative'], [1e-12, 'non-negative']], call: (epsilon, error) => samplerDelta(epsilon!, error!) },
  { name: 'epsilonWithError', arguments: [[1e-5, 'positive'], [1e-12, 'non-negative']], call: (delta, error) => epsilonWithError((at) => gaussianEpsilon(1, at), delta!, error!) },
  { name: 'fixedOrderCharges', arguments: [[1, 'positive'], [3, 'count']], call: (noiseMultiplier, epochs) => fixedOrderCharges({ noiseMultiplier: noiseMultiplier!, epochs: epochs!, adjacency: 'zero-out' }) },
  { name: 'calibrateNoiseMultiplierPld', arguments: [[3, 'positive'], [1e-5, 'positive'], [1, 'probability'], [10, 'positive-count']], call: (epsilon, delta, samplingRate, steps) => calibrateNoiseMultiplierPld({ epsilon: epsilon!, delta: delta!, samplingRate: samplingRate!, steps: steps! }) },
  { name: 'stepsWithinBudgetPld', arguments: [[3, 'positive'], [1e-5, 'positive'], [1, 'probability'], [2, 'positive']], call: (epsilon, delta, samplingRate, noise) => stepsWithinBudgetPld({ epsilon: epsilon!, delta: delta!, samplingRate: samplingRate!, noiseMultiplier: noise! }) },
  { name: 'laplacePair', arguments: [[1, 'positive'], [0.01, 'positive']], call: (scale, grid) => laplacePair(scale!, grid!) },
  { name: 'epsilonDeltaPair', arguments: [[1, 'non-negative'], [1e-5, 'probability'], [0.01, 'positive']], call: (epsilon, delta, grid) => epsilonDeltaPair(epsilon!, delta!, grid!) },
  { name: 'pldOf', arguments: [[1, 'positive'], [0.01, 'positive']], call: (noiseMultiplier, grid) => pldOf({ kind: 'gaussian', noiseMultiplier: noiseMultiplier! }, { grid: grid! }) },
  { name: 'pldEpsilon', arguments: [[1, 'non-negative'], [2, 'count'], [1e-5, 'non-negative']], call: (noise, count, delta) => pldEpsilon(charges(noise!, count!), delta!) },
  { name: 'pldDelta', arguments: [[1, 'non-negative'], [2, 'count'], [1, 'non-negative']], call: (noise, count, epsilon) => pldDelta(charges(noise!, count!), epsilon!) },
  { name: 'truncatedPoissonPair', arguments: [[100, 'positive-count'], [0.1, 'probability'], [20, 'positive-count'], [1, 'positive'], [0.01, 'positive']], call: (datasetSize, samplingRate, largestBatch, noiseMultiplier, grid) => truncatedPoissonPair({ datasetSize: datasetSize!, samplingRate: samplingRate!, largestBatch: largestBatch!, noiseMultiplier: noiseMultiplier! }, 'zero-out', grid!) },
  { name: 'repeatAndSelectEpsilon', arguments: [[1, 'non-negative'], [2, 'count'], [1e-5, 'non-negative'], [5, 'positive']], call: (noise, count, delta, mean) => repeatAndSelectEpsilon(charges(noise!, count!), delta!, poisson(mean!)) },
  { name: 'largestMu', arguments: [[1, 'positive'], [1e-5, 'non-negative']], call: (epsilon, delta) => largestMu((mu) => charges(1 / mu, 1), epsilon!, delta!) },
  { name: 'checkOrders', arguments: [[2, 'order']], call: (order) => checkOrders([order!]) },
  { name: 'epsilonOfOrder', arguments: [[0.5, 'non-negative'], [2, 'order'], [1e-5, 'positive']], call: (rdp, order, delta) => epsilonOfOrder(rdp!, order!, delta!) },
  { name: 'rdpEpsilon', arguments: [[0.1, 'probability'], [1, 'non-negative'], [2, 'count'], [1e-5, 'non-negative']], call: (samplingRate, noiseMultiplier, steps, delta) => rdpEpsilon({ samplingRate: samplingRate!, noiseMultiplier: noiseMultiplier!, steps: steps!, delta: delta! }) },
  { name: 'rdpOfPoissonGaussian', arguments: [[0.1, 'probability'], [1, 'non-negative'], [2, 'order']], call: (rate, noise, order) => rdpOfPoissonGaussian(rate!, noise!, order!) },
  { name: 'rdpToEpsilon', arguments: [[2, 'order'], [0.5, 'non-negative'], [1e-5, 'non-negative']], call: (order, rdp, delta) => rdpToEpsilon([order!], [rdp!], delta!) },
  { name: 'deltaOfRdp', arguments: [[2, 'order'], [0.5, 'non-negative'], [1, 'non-negative']], call: (order, rdp, epsilon) => deltaOfRdp([order!], [rdp!], epsilon!) },
  { name: 'drawRepeats', arguments: [[3, 'positive'], [0.5, 'probability']], call: (mean, uniform) => drawRepeats(poisson(mean!), uniform!) },
  { name: 'mostPoissonRepeats', arguments: [[3, 'positive'], [1e-9, 'positive']], call: (mean, error) => mostPoissonRepeats(mean!, error!) },
  { name: 'repeatAndSelectRdp', arguments: [[2, 'order'], [0.5, 'non-negative'], [3, 'positive']], call: (order, rdp, mean) => repeatAndSelectRdp([order!], [rdp!], poisson(mean!)) },
  { name: 'poissonDraw', arguments: [[1, 'count'], [10, 'count'], [0.5, 'probability']], call: (step, units, rate) => poissonDraw(stream, step!, units!, rate!) },
  { name: 'singleStepDelta', arguments: [[0.1, 'probability'], [1, 'positive'], [1, 'non-negative']], call: (rate, noise, epsilon) => singleStepDelta(rate!, noise!, epsilon!) },
  { name: 'buildStatement', arguments: [[1e-5, 'positive'], [1, 'positive'], [1, 'positive'], [3, 'count'], [0.5, 'positive']], call: (delta, samplingRate, noiseMultiplier, steps, clipNorm) => buildStatement({ ...facts, delta: delta!, samplingRate: samplingRate!, noiseMultiplier: noiseMultiplier!, steps: steps!, clipNorm: clipNorm! }) },
  { name: 'pairGuessed', arguments: [[1, 'non-negative'], [1e-5, 'non-negative']], call: (epsilon, delta) => pairGuessed(epsilon!, delta!) },
  { name: 'gaussianGuessed', arguments: [[1, 'non-negative']], call: (mu) => gaussianGuessed(mu!) },
  { name: 'gaussianFound', arguments: [[1, 'non-negative'], [0.01, 'probability']], call: (mu, falseAlarms) => gaussianFound(mu!, falseAlarms!) },
  { name: 'pairFound', arguments: [[1, 'non-negative'], [1e-5, 'non-negative'], [0.01, 'probability']], call: (epsilon, delta, falseAlarms) => pairFound(epsilon!, delta!, falseAlarms!) },
  { name: 'replaceOneEpsilon', arguments: [[1, 'non-negative'], [2, 'count'], [1e-5, 'non-negative']], call: (noise, count, delta) => replaceOneEpsilon(charges(noise!, count!), delta!) },
  { name: 'isHeldOut', arguments: [[0.2, 'probability']], call: (share) => isHeldOut(new Uint8Array(32), 'unit', share!) },
];

/** Functions with a number among their parameters that are not in the table, and why. */
const elsewhere: Readonly<Record<string, string>> = {
  allowanceExhausted: 'makes an error', budgetExhausted: 'makes an error', deltaRises: 'makes an error', shareTooLarge: 'makes an error',
  logUniform: 'takes random words, all of which are numbers of its kind', boxMuller: 'takes random words; its caller checks sigma', exactPair: 'takes random words; its caller checks sigma',
  worstEpsilon: 'of a ledger, whose events are checked as they are read', isWithin: 'compares what was checked', chargesAt: 'of a ledger, whose events are checked as they are read',
  canaryExposure: 'losses may be any number; refused in audit.test.ts where they are none', lossScores: 'of lists, in audit.test.ts', calibratedScores: 'of lists, in audit.test.ts', guessCoins: 'of lists, in audit.test.ts', clusteredRoc: 'of lists, in audit.test.ts', clusteredRate: 'of a curve that clusteredRoc made', epsilonLowerBoundOfScores: 'of lists, in audit.test.ts',
  quantizeFeatures: 'part of createHeadAccumulator, which checks', leastNoise: 'part of the calibrations, which check',
  chainEvents: 'the clock is information only', checkDelta: 'is itself the check of many above', checkMu: 'is itself the check of many above', noiseMechanism: 'names a mechanism, which checkMechanism checks wherever it is charged or composed', checkRdp: 'is itself the check of the curves above', checkScores: 'is itself the check of lists', checkConfidence: 'is itself the check of the audits above',
  gaussianLine: 'a line of losses: pldOf checks what it is made of', poissonGaussianLine: 'a line of losses: pldOf checks what it is made of', replaceOneLine: 'a line of losses: pldOf checks what it is made of',
  logMoment: 'part of composePld', composedLogMoment: 'part of composePld', composedDeviation: 'part of composePld', valley: 'part of composePld', bestTilt: 'part of composePld', composePld: 'of pairs, in pld.test.ts', composeCharges: 'in pld.test.ts', gridOf: 'in pld.test.ts',
  deltaOfPair: 'of pairs, in pld.test.ts', withoutTop: 'part of composePld', mixPairs: 'part of truncatedPoissonPair', discretiseLine: 'part of pldOf, which checks the grid', discretiseAtoms: 'part of pldOf, which checks the grid',
  commonNotes: 'gives back the positions that it made and the rows that it is told for them',
  shareEvents: 'of a ledger; refused in budget-share.test.ts', cohortsOf: 'the caller\'s counts come from units; the ledger checks the events',
};

/** Whether a call refuses with a named error, now or later. */
async function refusal(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return null;
  } catch (error) {
    return error;
  }
}

describe.each(rows)('$name', ({ arguments: given, call }) => {
  it('takes what it is made for', async () => {
    expect(await refusal(() => call(...given.map(([value]) => value)))).toBeNull();
  });

  it.each(given.flatMap(([, kind], position) => bad[kind].map((value) => ({ position, kind, value }))))('refuses $value as argument $position, a $kind', async ({ position, value }) => {
    const error = await refusal(() => call(...given.map(([good], index) => (index === position ? value : good))));
    expect(error).toBeInstanceOf(BedsideError);
  });
});

describe('a mechanism', () => {
  it('that a file has as something else is refused by name, and not by the first thing that is asked of it', async () => {
    for (const given of [null, 'gaussian', 7, {}, { kind: 'gaussian' }, { kind: 'gaussian', noiseMultiplier: '3' }, { kind: 'gaussian', noiseMultiplier: null }, { kind: 'laplace', noiseMultiplier: 3 }, { kind: 'poisson-gaussian', noiseMultiplier: 3, samplingRate: '0.1' }, { kind: 'repeat-and-select', noiseMultiplier: 3, law: null }]) {
      const { mechanism } = JSON.parse(JSON.stringify({ mechanism: given })) as { mechanism: Mechanism };
      expect(await refusal(() => checkMechanism(mechanism)), JSON.stringify(given)).toBeInstanceOf(BedsideError);
    }
  });
});

describe('the unit of a federation', () => {
  it('is one of three: another name is refused, and not taken for the one that asks for less noise', async () => {
    expect((['row', 'person', 'participant'] as const).map(clipNormsMoved)).toEqual([1, 1, 2]);
    for (const name of ['', 'device', 'Participant']) {
      // As it may come from a file: of no type.
      const given: { unit: SharedUnit } = JSON.parse(JSON.stringify({ unit: name }));
      expect(await refusal(() => clipNormsMoved(given.unit))).toBeInstanceOf(BedsideError);
    }
  });
});

describe('the table of refusals', () => {
  it('names every public function of this folder that takes a number, or says where it is tried', () => {
    const folder = import.meta.dirname;
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name)).filter((path) => path.endsWith('.ts') && !/\.test\.ts$|\/testing\//.test(path));
    const found = files.flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/^export (?:async )?function (\w+)(?:<[^>]*>)?\(([\s\S]*?)\): [^\n]*\{$/gm)].filter(([, , parameters]) => /: number\b|confidence =|ArrayLike<number>/.test(parameters!)).map(([, name]) => ({ name: name!, file: relative(folder, path) })));
    expect(found.length).toBeGreaterThan(60);
    const inTable = new Set(rows.map(({ name }) => name));
    expect(found.filter(({ name }) => !inTable.has(name) && !(name in elsewhere))).toEqual([]);
  });
});
