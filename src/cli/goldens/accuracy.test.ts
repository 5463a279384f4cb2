import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FullBatchHeadPlan } from '../../training/plan.ts';
import { accuracyFamily, accuracyFormat, readKept } from './accuracy-format.ts';
import { meanOf, spreadOf } from './accuracy-means.ts';
import type { KeptRun, ReferenceRun } from './accuracy-recipe.ts';
import { Tally, type FamilyReport } from './compare.ts';
import type { JsonObject } from './format.ts';

const json = JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/goldens/accuracy.json'), 'utf8')) as JsonObject;
const entries = accuracyFormat.entriesOf(json);
const family = 'banking: noisy full-batch head, review recipe R, layers 6, epsilon 3';
const reference = entries.get(family)![0] as unknown as ReferenceRun;

/** Recipe R of the product at the reference's (epsilon, delta). */
const plan: FullBatchHeadPlan = {
  kind: 'full-batch-head', maximumLength: 64, unit: 'row', heldOutShare: 0, seed: 0, epsilon: 3, delta: 1 / (10 * 10003), steps: 50, clipNorm: 0.3, meanShare: 0.03, labelScale: 12,
  biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5, featureLayers: [6], featureWeights: [1], validationEpsilon: null,
};
const run = (accuracy: number, change: Partial<FullBatchHeadPlan> = {}): KeptRun => ({ set: 'banking', accuracy, trainingRows: 9999, testRows: 3079, plan: { ...plan, ...change } });

async function reportOf(name: string, kept: readonly KeptRun[]): Promise<FamilyReport> {
  const { check, fields } = accuracyFamily(name, kept);
  const tally = new Tally(name, fields);
  for (const [index, entry] of entries.get(name)!.entries()) await tally.entry(name, entry, (compare) => check(entry, compare, { folder: '', json, index, isQuick: false }));
  return tally.report();
}

describe('a reference run beside kept runs of its recipe', () => {
  const { acc } = reference.result.test as { readonly acc: number };

  it('passes from a point below its mean on, and above it', async () => {
    for (const [accuracies, passed] of [[[acc, acc], 1], [[acc - 0.0099], 1], [[acc - 0.0101], 0], [[acc + 0.05], 1], [[acc - 0.02, acc], 1], [[acc - 0.03, acc], 0]] as const) {
      const report = await reportOf(family, accuracies.map((accuracy) => run(accuracy)));
      expect([accuracies, report.passed, report.failed, report.noKeptRun]).toEqual([accuracies, passed, 1 - passed, 0]);
    }
  });

  it('says both means, their difference and what is allowed', async () => {
    expect((await reportOf(family, [run(0.88), run(0.89)])).notes).toEqual([`R, f32: kept 0.8850 of 2 runs, reference ${acc.toFixed(4)} of 1 run: -0.6 points, -1.0 allowed`]);
  });

  it('holds the charge too: another mu fails', async () => {
    const tally = new Tally(family, accuracyFamily(family, []).fields);
    const changed = { ...reference, mu: reference.mu! * (1 + 1e-6) };
    await tally.entry(family, changed, (compare) => accuracyFamily(family, [run(0.9)]).check(changed as unknown as JsonObject, compare, { folder: '', json, index: 0, isQuick: false }));
    expect(tally.report()).toMatchObject({ failed: 1, firstFailures: [expect.stringMatching(/mu: found/)] });
  });

  it.each<[string, Partial<FullBatchHeadPlan>, RegExp]>([
    ['other layers', { featureLayers: [6, 3], featureWeights: [0.8, 0.2] }, /^R, f32: layers 6, kept 6\+3 at 0\.8\+0\.2$/],
    ['another epsilon', { epsilon: 8 }, /eps 3, kept 8/],
    ['another delta', { delta: 1e-5 }, /delta 0\.000009997\d+, kept 0\.00001/],
    ['more steps', { steps: 100 }, /T 50, kept 100/],
    ['another share for the mean', { meanShare: 0.05 }, /mean noisy mean, 0\.03 of mu\^2.*kept noisy mean, 0\.05/],
    ['balanced labels', { balance: { countShare: 0.05, strength: 0.5 } }, /balance none, kept by noisy label counts/],
    ['a search', { search: { meanRuns: 5, scoreEpsilon: 1 } }, /search none, kept best of/],
    ['shorter notes', { maximumLength: 32 }, /max_length 64, kept 32/],
  ])('is no match for %s: counted apart, with the difference', async (_, change, reason) => {
    // However good they are.
    const report = await reportOf(family, [run(0.99, change)]);
    expect(report).toMatchObject({ entries: 1, passed: 0, failed: 0, noKeptRun: 1, status: 'no kept run' });
    expect(report.notes).toEqual([expect.stringMatching(reason)]);
  });

  it('is no match for fewer rows than the same with equal texts taken for one', async () => {
    expect((await reportOf(family, [{ ...run(0.99), trainingRows: 9000 }])).notes).toEqual(['R, f32: training rows 10003, kept 9000']);
    expect((await reportOf(family, [{ ...run(0.99), set: 'mts' }])).notes).toEqual(['R, f32: no full-batch-head on banking is kept']);
  });
});

describe('what no plan trains', () => {
  it.each([
    ['mts: frozen+LR, not private', /L-BFGS/],
    ['mts: full, not private', /every weight/],
    ['mts: noisy full-batch head, epsilon 3', /recipe R/],
    ['banking: Opacus PrivacyEngine head, epsilon 1', /private-accuracy/],
    ['mts: DP-SGD LoRA + head (other script), epsilon 8', /dropout/],
    ['ncbi: full, not private', /tags words/],
  ])('%s says so', async (name, reason) => {
    const report = await reportOf(name, [run(0.99), { ...run(0.99), set: 'mts' }]);
    expect(report).toMatchObject({ passed: 0, failed: 0, noKeptRun: entries.get(name)!.length });
    for (const note of report.notes) expect(note).toMatch(reason);
  });
});

describe('means of few runs', () => {
  it('on few test rows are allowed a standard error of their difference, from 3,000 on none', () => {
    const [ours, theirs] = [meanOf([0.6, 0.62, 0.64], 400), meanOf([0.65], 400)];
    expect(ours).toMatchObject({ runs: 3, value: expect.closeTo(0.62, 12), standardError: expect.closeTo(0.02 / Math.sqrt(3), 12) });
    // One run says nothing of its spread: that of one accuracy over 400 rows, .023 to .024, stands for it.
    expect(theirs.standardError).toBeCloseTo(0.0238, 4);
    expect(spreadOf(ours, theirs, 400)).toBeCloseTo(Math.hypot(0.02 / Math.sqrt(3), theirs.standardError), 12);
    expect(spreadOf(ours, theirs, 3080)).toBe(0);
  });
});

describe('kept runs', () => {
  it('are the files of a folder; a checkout without it keeps none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kept-'));
    writeFileSync(join(folder, 'one.json'), JSON.stringify(run(0.5)));
    expect(readKept(folder)).toEqual([run(0.5)]);
    rmSync(folder, { recursive: true });
    expect(readKept(folder)).toEqual([]);
  });
});
