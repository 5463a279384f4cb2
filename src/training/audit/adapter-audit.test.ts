import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../ground/random.ts';
import { normalCdf, normalQuantile } from '../../ground/special.ts';
import { gaussianEpsilon, gaussianMu } from '../../privacy/gaussian.ts';
import { createTrainer } from '../in-process-trainer.ts';
import { planOfKind, proposePlan } from '../propose.ts';
import { nanoEngine, nanoFacts, nanoPlans, nanoUnits } from '../testing/nano-session.ts';
import { runAdapterAudit, scorePlanted, type AdapterAuditInput } from './adapter-audit.ts';
import { adapterAuditParts, adapterAuditSize, atRateOf, gradientTokens } from './adapter-size.ts';
import { adapterTraining } from './adapter-training.ts';
import { gaussianLimits, limitsOf } from './attack-limits.ts';
import { auditedPlans } from './audited-plans.ts';
import type { AuditProgress } from './audit-run.ts';
import { designPlantedNotes, plantedTokens } from './planted-notes.ts';
import { alongGradients, plantedGradients, solveRidge, withinLabels } from './planted-scores.ts';
import { quickStream } from './testing/audit-scene.ts';

const sentences = [0, 1, 2].map((label) => Int32Array.of(2, 5 + label, 3));

describe('planted notes', () => {
  it('are framed as notes are, have words that no note has, and as many of each label', () => {
    const units = nanoUnits(8, 3, 1);
    const used = new Set(units.flatMap(({ rows }) => rows.flatMap(({ ids }) => Array.from(ids))));
    const planted = designPlantedNotes(units, sentences, 1000, 30, mulberry32(1));
    for (const { rows } of planted) {
      expect(rows).toHaveLength(1);
      const ids = Array.from(rows[0]!.ids);
      expect([ids.length, ids[0], ids.at(-1)]).toEqual([plantedTokens, 2, 3]);
      for (const id of ids.slice(1, -1)) expect(used.has(id)).toBe(false);
    }
    for (const label of [0, 1, 2]) expect(planted.filter(({ rows }) => rows[0]!.label === label)).toHaveLength(10);
  });
});

describe('the reading of coins from parameters', () => {
  it('solves the ridge system', () => {
    const matrix = Float64Array.of(2, 1, 0, 1, 3, 1, 0, 1, 4);
    const x = solveRidge(matrix, 0.5, Float64Array.of(1, 2, 3));
    // (matrix + I/2) x gives the right side back.
    for (const [i, wanted] of [1, 2, 3].entries()) expect(matrix[3 * i]! * x[0]! + matrix[3 * i + 1]! * x[1]! + matrix[3 * i + 2]! * x[2]! + 0.5 * x[i]!).toBeCloseTo(wanted, 12);
  });

  it('tells notes apart whose gradients share most of their direction', () => {
    const random = mulberry32(4);
    const [m, length] = [12, 40];
    const gradients = Array.from({ length: m }, () => Float64Array.from({ length }, (_, i) => (i === 0 ? 3 : 0) + random() - 0.5));
    const { directions, gram } = plantedGradients(gradients);
    const isIn = Array.from({ length: m }, (_, i) => i % 3 === 0);
    const moved = new Float32Array(length);
    directions.forEach((direction, i) => isIn[i] && direction.forEach((value, at) => (moved[at]! -= value)));
    const scores = alongGradients({ directions, gram }, moved, 1e-6);
    for (const [i, score] of scores.entries()) expect(score).toBeCloseTo(isIn[i] ? 1 : 0, 2);
    // The plain products do not: all are nearly one.
    const products = directions.map((direction) => -direction.reduce((sum, value, at) => sum + value * moved[at]!, 0));
    expect(Math.min(...products) / Math.max(...products)).toBeGreaterThan(0.7);
  });

  it('takes out what a label shares', () => {
    expect(Array.from(withinLabels(Float64Array.of(1, 5, 3, 9), [0, 1, 0, 1], 2))).toEqual([-1, -2, 1, 2]);
  });
});

describe('the curve that the proof allows', () => {
  it('of drawn units lies above every attack that a Gaussian of the same (epsilon, delta) pairs admits, and below guessing everybody', () => {
    const mu = gaussianMu(2, 1e-5);
    const charges = [{ mechanism: { kind: 'gaussian' as const, noiseMultiplier: 1 / mu }, count: 1 }];
    const loose = limitsOf(charges, { epsilon: gaussianEpsilon(mu, 1e-5), delta: 1e-5 });
    const exact = gaussianLimits(mu);
    expect(loose).toHaveLength(exact.length);
    for (const [index, { falseAlarms, found }] of exact.entries()) {
      expect(found).toBeCloseTo(falseAlarms === 1 ? 1 : normalCdf(normalQuantile(falseAlarms) + mu), 12);
      expect(loose[index]!.found).toBeGreaterThanOrEqual(found - 1e-9);
      // Few pairs are asked for; the envelope stays within a quarter of the curve.
      expect(loose[index]!.found).toBeLessThan(1.25 * found + 0.02);
    }
  });
});

describe('how much is done', () => {
  const facts = { ...nanoFacts(10_000), trainingRows: 10_000 };
  const [plan, twin] = [planOfKind('dp-sgd', facts), planOfKind('plain-lora', facts)];

  it('attacks a hundred units at least, more where few are drawn, and plants fewer notes where many parameters train', () => {
    const counts = { units: 10_000, rows: 10_000, meanTokens: 40, parameters: 75_000 };
    expect(adapterAuditSize(plan, twin, counts)).toEqual({ units: 1500, pairs: 2, canaryRuns: 4, canaries: 128, unitsBeside: 8 });
    expect(adapterAuditSize({ ...plan, expectedBatchSize: 220 }, twin, { ...counts, units: 220, rows: 600 })).toMatchObject({ units: 100 });
    expect(adapterAuditSize(plan, twin, { ...counts, parameters: 600_000 })).toMatchObject({ canaries: 40 });
  });

  it('keeps the sampling rate of the run, and counts the tokens of every training', () => {
    expect(atRateOf(plan, 10_000, 300).expectedBatchSize).toBeCloseTo(15, 12);
    const parts = adapterAuditParts({ ...plan, steps: 10, expectedBatchSize: 100 }, { ...twin, epochs: 2 }, { units: 200, rows: 400, meanTokens: 30, parameters: 1 }, { units: 100, pairs: 2, canaryRuns: 3, canaries: 20, unitsBeside: 5 });
    // Half of 100 units of two rows, half of them a step; then five units and ten short notes.
    expect(parts.map(({ times }) => times)).toEqual([4, 3, 4, 3]);
    expect(parts.map(gradientTokens).map((tokens) => Math.round(tokens))).toEqual([10 * 50 * 30, 10 * 0.5 * (10 * 30 + 10 * plantedTokens), 2 * 100 * 30, 2 * (10 * 30 + 10 * plantedTokens)]);
  });
});

describe('the plans that are attacked', () => {
  const facts = nanoFacts(24);
  const { alternatives } = proposePlan(facts, { maximumLength: 16, cutNotes: 0, cutTokens: 0, longestTokens: 16 });

  it('have the settings of the run where it trained adapters, and share what is trained', () => {
    const lora = { rank: 2, alpha: 4, targets: ['query'], layers: [1] } as const;
    const run = nanoPlans.dpSgd(24, { steps: 7, lora, continues: { runId: 'r', runNumber: 1, stepsBefore: 4, noiseMultiplier: 2, stepSize: null } });
    const ofRun = auditedPlans('adapters', 2, alternatives, run);
    expect(ofRun.plan).toMatchObject({ kind: 'dp-sgd', steps: 7, lora, epsilon: 2, validationEpsilon: null });
    expect(ofRun.plan).not.toHaveProperty('continues');
    expect(ofRun.twin).toMatchObject({ kind: 'plain-lora', lora });
    const plain = auditedPlans('adapters', 2, alternatives, nanoPlans.plainLora(24, { epochs: 3, lora }));
    expect(plain).toMatchObject({ plan: { kind: 'dp-sgd', lora }, twin: { epochs: 3, lora } });
    expect(auditedPlans('head', 2, alternatives, run)).toMatchObject({ plan: { kind: 'full-batch-head', epsilon: 2 }, twin: { kind: 'plain-head' } });
  });

  it('read and clip as the run did where it trained a head, once and at the epsilon asked for', () => {
    const two = { featureLayers: [2, 1], featureWeights: [0.5, 0.5] };
    const run = nanoPlans.fullBatch(24, { ...two, clipNorm: 0.7, maximumLength: 12, epsilon: 1, meanShare: 0, search: { meanRuns: 5, scoreEpsilon: 2 }, continues: { runId: 'r', runNumber: 1, stepsBefore: 4, noiseMultiplier: 2, stepSize: 1 } });
    const { plan, twin } = auditedPlans('head', 2, alternatives, run);
    expect(plan).toEqual({ ...alternatives['full-batch-head'], ...two, clipNorm: 0.7, maximumLength: 12, epsilon: 2 });
    expect(twin).toEqual({ ...alternatives['plain-head'], maximumLength: 12 });
    // Of another encoder, whose project came with a file.
    expect(auditedPlans('head', 2, alternatives, { ...run, featureLayers: [12], featureWeights: [1] }).plan).toEqual({ ...alternatives['full-batch-head'], epsilon: 2 });
  });
});

describe('an audit of adapters, over the nano model', () => {
  const size = { units: 12, pairs: 2, canaryRuns: 1, canaries: 16, unitsBeside: 3 };
  const input = (changes: Partial<AdapterAuditInput> = {}) => {
    const progress: AuditProgress[] = [];
    let made = 0;
    const given: AdapterAuditInput = {
      plan: nanoPlans.dpSgd(16, { steps: 2, expectedBatchSize: 8 }), twin: nanoPlans.plainLora(16, { epochs: 1 }),
      labels: ['a', 'b', 'c'], units: nanoUnits(16, 3, 1, 2), labelSentences: sentences, trainers: [createTrainer(nanoEngine()), createTrainer(nanoEngine())], size,
      world: { createKeys: () => quickStream(++made), yields: () => Promise.resolve(), clock: () => 0 },
      random: mulberry32(3), onProgress: (point) => progress.push(point), ...changes,
    };
    return { given, progress, keysMade: () => made };
  };

  it('attacks both models with the same coins over several trainers, and counts its work', async () => {
    const { given, progress, keysMade } = input();
    const { value: report } = await runAdapterAudit(given);
    expect(report).toMatchObject({ kind: 'adapters', unit: 'row', units: 12, allUnits: 16, mu: null, membershipRuns: 4, canaryRuns: 1, unitsBesideCanaries: 3, epsilon: 3 });
    for (const { canary, loss } of [report.private, report.plain]) {
      expect(canary).toMatchObject({ canaries: 16, guesses: 4 });
      expect(loss.points.at(-1)).toMatchObject({ falseAlarms: 1, found: 1 });
    }
    expect(report.private.canary.epsilonAtLeast).toBeLessThanOrEqual(report.private.canary.couldShow);
    // A key of its own for every private training; starts and twins need none.
    expect(keysMade()).toBe(5);
    const shares = progress.map(({ share }) => share ?? NaN);
    expect(shares.every((share, index) => index === 0 || share >= shares[index - 1]! - 1e-12)).toBe(true);
    expect(progress.at(-1)).toMatchObject({ phase: 'attacking', done: 10, total: 10, share: 1 });
  }, 60_000);

  it('finds coins again where there is no noise, of adapters and of the last layer alone', async () => {
    for (const layers of [[0, 1], []]) {
      const { given } = input();
      const plan = nanoPlans.plainLora(24, { epochs: 12, batchSize: 8, lora: { rank: 2, alpha: 4, targets: ['query', 'value'], layers } });
      const planted = designPlantedNotes(given.units, sentences, given.trainers[0]!.shape.vocabularySize, 24, mulberry32(8));
      const isIn = planted.map((_, index) => index % 2 === 0);
      const { scores } = await scorePlanted({ training: adapterTraining(given), beside: given.units.slice(0, 2), planted, classes: 3 }, plan, isIn);
      const mean = (wanted: boolean) => scores.filter((_, index) => isIn[index] === wanted).reduce((sum, score) => sum + score, 0) / 12;
      const deviation = Math.sqrt(scores.reduce((sum, score) => sum + score ** 2, 0) / scores.length);
      // Guessing would differ by 2 / sqrt(24) = 0.4 deviations of a score, up or down.
      expect(mean(true) - mean(false)).toBeGreaterThan(0.8 * deviation);
    }
  }, 60_000);

  it('ends where the world says so', async () => {
    let turns = 0;
    const { given } = input({ world: { createKeys: () => quickStream(1), yields: () => (++turns > 5 ? Promise.reject(new Error('enough')) : Promise.resolve()), clock: () => 0 } });
    await expect(runAdapterAudit(given)).rejects.toThrow('enough');
  }, 60_000);
});
