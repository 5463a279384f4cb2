import { describe, expect, it } from 'vitest';
import { clusteredInterval, clusteredRate, clusteredRoc } from '../../privacy/audit/clustered-roc.ts';
import { mulberry32 } from '../../ground/random.ts';
import { normalCdf, normalQuantile } from '../../ground/special.ts';
import { createTrainer } from '../in-process-trainer.ts';
import { planOfKind } from '../propose.ts';
import { nanoEngine, nanoFacts, nanoUnits } from '../testing/nano-session.ts';
import { auditSize, runAudit, type AuditInput, type AuditProgress } from './audit-run.ts';
import { lossOf, marginOf } from './losses.ts';
import { membershipResults, pairLosses, tossPairs } from './membership-audit.ts';
import { readPooled, tableEngine, tableRow } from './pooled-table.ts';
import { auditCanaries, auditScene, normals, quickStream, sceneClasses } from './testing/audit-scene.ts';

describe('the curve of units scored several times', () => {
  it('has the area and interval of units, as often as stated, though scores of a unit go together', () => {
    const random = mulberry32(2);
    const normal = normals(random);
    const [units, times] = [80, 4];
    // A member scores 0.7 above another of the same unit; units differ by 1.5, alike in every score of theirs.
    const truth = normalCdf(0.7 / Math.sqrt(2 * (1 + 1.5 ** 2)));
    let covered = 0;
    for (let trial = 0; trial < 200; trial++) {
      const shift = Float64Array.from({ length: units }, () => 1.5 * normal());
      const scores = (mean: number) => Float64Array.from({ length: units * times }, (_, index) => shift[Math.floor(index / times)]! + mean + normal());
      const { areaInterval } = clusteredRoc(scores(0.7), scores(0), units);
      if (areaInterval.low <= truth && truth <= areaInterval.high) covered++;
    }
    // 95 % of 200 is 190 with deviation 3.1; four deviations below.
    expect(covered).toBeGreaterThan(177);
    expect(covered).toBeLessThan(200);
  });

  it('takes as many trials as units for the interval of a share', () => {
    const roc = clusteredRoc(Float64Array.of(3, 3, 3, 3), Float64Array.of(1, 2, 1, 2), 2);
    expect(roc.area).toBe(1);
    const rate = clusteredRate(roc);
    expect(rate).toMatchObject({ truePositiveRate: 1, falsePositiveRate: 0 });
    // Two of two: 0.025^(1/2); four of four would be 0.4.
    expect(rate.interval.low).toBeCloseTo(Math.sqrt(0.025), 9);
    // Half a unit found counts as none and as one.
    expect(clusteredInterval(0.25, 2)).toEqual({ low: 0, high: clusteredInterval(0.5, 2).high });
  });
});

describe('losses and margins', () => {
  it('are those of the logits', () => {
    const logits = Float32Array.of(9, 9, 9, 1, 2, 0.5);
    expect(lossOf(logits, 1, 3, 1)).toBeCloseTo(Math.log(Math.exp(1) + Math.exp(2) + Math.exp(0.5)) - 2, 12);
    expect(lossOf(Float32Array.of(1000, 0), 0, 2, 1)).toBe(1000);
    expect(marginOf(logits, 1, 3, 1)).toBeCloseTo(2 - 0.75, 12);
  });
});

describe('a table of pooled outputs', () => {
  it('gives what the encoder gives, for any of its layers, however many trainers read', async () => {
    const engine = nanoEngine();
    const rows = nanoUnits(9, 3, 4).flatMap((unit) => unit.rows.map(({ ids }) => ids));
    const told: number[] = [];
    const table = await readPooled([createTrainer(engine), createTrainer(nanoEngine())], rows, [2, 1], false, (done) => void told.push(done));
    expect(told.at(-1)).toBe(9);
    const by = { layers: [1], weights: [1], isUnitLength: true };
    const fromTable = await createTrainer(tableEngine(table)).encode([8, 0, 3].map(tableRow), by);
    expect(fromTable).toEqual(await createTrainer(engine).encode([8, 0, 3].map((row) => rows[row]!), by));
    await expect(createTrainer(tableEngine(table)).encode([tableRow(0)], { ...by, layers: [0] })).rejects.toThrow(/layers asked for/);
  });
});

describe('canaries', () => {
  it('point where notes hardly do, and not where other canaries point', async () => {
    const { table, canaries, train, plan, units } = auditScene(5);
    expect(canaries.length).toBe(60);
    // What a model without canaries makes of them hardly differs from one canary of a label to the next, beside what it makes of notes.
    const logits = await train({ ...plan, epsilon: 200 }, units, [...canaries, ...units]);
    const spreadOf = (rows: readonly number[]) => {
      const margins = rows.map((row) => marginOf(logits, row, sceneClasses, 0));
      const mean = margins.reduce((sum, one) => sum + one, 0) / margins.length;
      return Math.sqrt(margins.reduce((sum, one) => sum + (one - mean) ** 2, 0) / margins.length);
    };
    expect(spreadOf(canaries.map((_, row) => row))).toBeLessThan(0.5 * spreadOf(units.map((_, row) => canaries.length + row)));
    expect(table.values.every(Number.isFinite)).toBe(true);
  });

  it('are found in the twin that is not private, and stand out far beyond chance', async () => {
    const scene = auditScene(6);
    const { correct, guesses, exposure } = await auditCanaries(scene, scene.twin, scene.train);
    expect(correct).toBeGreaterThan(0.9 * guesses);
    expect(exposure.low).toBeGreaterThan(exposure.bitsByChance + 1);
    expect(exposure.bits).toBeLessThanOrEqual(exposure.bitsAtMost);
  });

  it('say nothing where the training does not look at them', async () => {
    const scene = auditScene(7);
    const { epsilonAtLeast, exposure } = await auditCanaries(scene, scene.plan, (plan, training, scored) => scene.train(plan, training.slice(0, scene.units.length), scored));
    expect(epsilonAtLeast).toBe(0);
    // 180 canaries or so whose bits deviate by 1.2: four deviations of the mean.
    expect(Math.abs(exposure.bits - exposure.bitsByChance)).toBeLessThan(0.4);
  });
});

describe('membership inference', () => {
  it('finds members in the twin that is not private, and hardly any in the private model', async () => {
    const scene = auditScene(8, { units: 60 });
    const resultsOf = async (plan: typeof scene.plan | typeof scene.twin) => membershipResults(await pairLosses(scene.train, plan, scene.units, sceneClasses, tossPairs(60, 4, scene.random), () => undefined));
    const plain = await resultsOf(scene.twin);
    const guarded = await resultsOf({ ...scene.plan, epsilon: 0.5 });
    expect(plain.calibrated.areaInterval.low).toBeGreaterThan(0.6);
    expect(plain.calibrated.area).toBeGreaterThan(guarded.calibrated.areaInterval.high);
    expect(guarded.calibrated.areaInterval.low).toBeLessThan(0.55);
    expect(plain.calibrated.points[0]).toMatchObject({ falseAlarms: 0, found: 0 });
    expect(plain.calibrated.points.at(-1)).toMatchObject({ falseAlarms: 1, found: 1 });
    expect(plain.calibrated.points.length).toBeLessThan(250);
  });

  it('trains every unit in exactly one model of a pair, and calibrates by models that did not see it', async () => {
    const coins = tossPairs(10, 3, mulberry32(1));
    const units = Array.from({ length: 10 }, (_, unit) => ({ unit, rows: [{ label: 0, ids: tableRow(unit) }] }));
    const asked: number[][] = [];
    const train = async (_: unknown, training: readonly { readonly unit: number }[]) => {
      const seen = training.map(({ unit }) => unit);
      asked.push(seen);
      // A model that is sure of those it saw; of the others its logit says which training it is.
      return Float32Array.from(units.flatMap(({ unit }) => [seen.includes(unit) ? 50 : -5 - asked.length / 10, 0]));
    };
    const losses = await pairLosses(train, auditScene(1).plan, units, 2, coins, () => undefined);
    for (let pair = 0; pair < 3; pair++) expect([...asked[2 * pair]!, ...asked[2 * pair + 1]!].sort((a, b) => a - b)).toEqual(units.map(({ unit }) => unit));
    for (const of of losses.seen) expect(Math.max(...of)).toBeLessThan(1e-9);
    for (const [pair, of] of losses.unseen.entries()) for (const [unit, loss] of of.entries()) expect(loss).toBeCloseTo(Math.log(1 + Math.exp(5 + (2 * pair + (coins[pair]![unit] ? 2 : 1)) / 10)), 5);
    expect(membershipResults(losses).calibrated.area).toBe(1);
  });
});

describe('an audit run', () => {
  const facts = nanoFacts(24);
  const input = (changes: Partial<AuditInput> = {}): AuditInput & { readonly progress: AuditProgress[]; readonly keysMade: () => number } => {
    const progress: AuditProgress[] = [];
    let made = 0;
    return {
      plan: { ...planOfKind('full-batch-head', facts), steps: 6 }, twin: { ...planOfKind('plain-head', facts), epochs: 5 },
      labels: ['a', 'b', 'c'], units: nanoUnits(24, 3, 1, 2), labelSentences: [0, 1, 2].map((label) => Int32Array.of(2, 5 + label, 3)),
      trainers: [createTrainer(nanoEngine())], size: { units: 24, pairs: 2, canaryRuns: 2 },
      world: { createKeys: () => quickStream(++made), yields: () => Promise.resolve(), clock: () => 0 },
      random: mulberry32(3), onProgress: (point) => progress.push(point), progress, keysMade: () => made, ...changes,
    };
  };

  it('attacks both models with the same coins, and says what is proven beside what it found', async () => {
    const given = input();
    const { value: report } = await runAudit(given);
    expect(report).toMatchObject({ unit: 'row', units: 24, allUnits: 24, classes: 3, epsilon: 3, delta: 1e-5, membershipRuns: 4, canaryRuns: 2 });
    expect(report.mu).toBeCloseTo(0.719, 2);
    // Two canaries a free direction of 32: 32 - 10 - 2 = 20 are free.
    for (const { canary } of [report.private, report.plain]) expect(canary).toMatchObject({ canaries: 80, guesses: 8 });
    expect(report.private.canary.epsilonAtLeast).toBeLessThanOrEqual(3);
    // A key of its own for every private training, its reference included.
    expect(given.keysMade()).toBe(4 + 2 + 1);
    expect(given.progress.filter(({ phase }) => phase === 'reading').at(-1)).toEqual({ phase: 'reading', done: 48, total: 48 });
    expect(given.progress.at(-1)).toEqual({ phase: 'attacking', done: 14, total: 14 });
  });

  it('leaves units out by lot where there are many', async () => {
    const { value: report } = await runAudit(input({ size: { units: 10, pairs: 2, canaryRuns: 2 } }));
    expect(report).toMatchObject({ units: 10, allUnits: 24 });
  });

  it('ends where the world says so', async () => {
    let turns = 0;
    const ended = input({ world: { createKeys: () => quickStream(1), yields: () => (++turns > 30 ? Promise.reject(new Error('enough')) : Promise.resolve()), clock: () => 0 } });
    await expect(runAudit(ended)).rejects.toThrow('enough');
    expect(turns).toBe(31);
  });

  it('takes fewer trainings for more notes and labels, never fewer than two pairs', () => {
    expect(auditSize(480, 5)).toEqual({ units: 480, pairs: 4, canaryRuns: 4 });
    expect(auditSize(100_000, 77)).toEqual({ units: 1500, pairs: 2, canaryRuns: 2 });
  });

  it('is not beaten by the bound that it draws: at 1 % false alarms mu = 0.72 lets an attacker find 5 %', () => {
    expect(normalCdf(normalQuantile(0.01) + 0.719)).toBeCloseTo(0.054, 3);
  });
});
