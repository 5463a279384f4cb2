import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../ground/bytes.ts';
import { nanoShape } from '../engine/model/nano.ts';
import type { Note } from '../data/table.ts';
import { evaluateHeldOut } from '../training/evaluate.ts';
import type { OwnersAct, ReleaseReason } from '../privacy/doors.ts';
import type { FullBatchHeadPlan, PlainHeadPlan } from '../training/plan.ts';
import { statementOf } from '../training/statement.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { RunResults } from './bedside.service.ts';
import { exportedModel } from './exported-model.ts';
import { summaryOfRun } from './project-summary.ts';
import type { ProjectRecord, RunRecord } from './records.ts';
import { leaves, spoil } from './testing/fields.ts';

const labels = ['heart', 'lung'];
const privatePlan: FullBatchHeadPlan = {
  kind: 'full-batch-head', maximumLength: 64, unit: 'person', heldOutShare: 0.2, seed: 1, epsilon: 3, delta: 1e-5, steps: 9, clipNorm: 0.3, meanShare: 0.03, labelScale: 12, biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5,
  featureLayers: [nanoShape.layers], featureWeights: [1], validationEpsilon: 1,
};
const plainPlan: PlainHeadPlan = { kind: 'plain-head', maximumLength: 64, unit: 'person', heldOutShare: 0.2, seed: 1, epochs: 30, batchSize: 32, learningRate: 0.01, weightDecay: 0.01 };
const score = { count: 3, total: 4, value: 0.75, low: 0.3, high: 0.95 };
const notes: Note[] = ['heart', 'lung', 'lung', 'heart'].map((label, row) => ({ id: row, row, text: `note ${row}`, label, person: `p${row}`, groups: { sex: row % 2 === 0 ? 'm' : 'f' } }));

/** Every field that a record may have, so that one that is added is tried: the compiler asks for it here. */
type Whole<T> = Required<Omit<T, 'pooled'>>;

function things(kind: 'private' | 'plain') {
  const plan = kind === 'private' ? privatePlan : plainPlan;
  const model: TrainedModel = { kind: 'head', labels, maximumLength: 64, features: { layers: [nanoShape.layers], weights: [1], isUnitLength: true }, mean: null, biasInput: 0.3, weights: new Float32Array(2 * (nanoShape.width + 1)) };
  const run: Whole<RunRecord> = {
    id: 'r', projectId: 'p', number: 12, state: 'finished', plan, facts: { trainingRows: 41, trainingUnits: 17, heldOutUnits: 5, labels, isSynthetic: false, codeVersion: '0.0.7' }, startedAtMs: 1, seconds: 3, stepsDone: 9, steps: 9, epsilonRun: 3, epsilonModel: 3.3,
    energyWh: { low: 1, central: 2, high: 3 }, carbonGrams: { low: 1, central: 2, high: 3 }, accuracy: score, macroF1: 0.5, device: 'a device', checkedDevice: { backend: 'wasm', checksPassed: 30, hasGolden: true, refused: [{ backend: 'webgpu', operation: 'goldenOutputs', layer: 3 }] }, savedAtMs: 5,
    splitId: 'split', inherited: [{ mechanism: { kind: 'gaussian', noiseMultiplier: 7 }, count: 3 }], encoderSha256: 'abc', isFromFile: true,
    points: [{ step: 9, elapsedSeconds: 3, accuracy: score, heldOutLossNats: 0.7, energyWh: { low: 1, central: 2, high: 3 }, carbonGrams: { low: 1, central: 2, high: 3 }, epsilonSpent: 3 }],
  };
  const project: Whole<ProjectRecord> = { id: 'p', name: 'Hillside', fileName: 'hillside.csv', isSynthetic: false, createdAtMs: 1, openedAtMs: 2, rowCount: 99, noteCount: 88, columnRoles: { note: 'text' }, sentences: { heart: 'the heart' }, epsilonLimit: 4, runsStarted: 12, declarations: [{ id: 'd', of: 'rows', before: 4 }], lengths: { of: 'words', counts: [[12, 3], [40, 2]] } };
  const results: Whole<RunResults> = {
    run: summaryOfRun(run), labels, ...evaluateHeldOut(Float32Array.of(2, 1, 0, 1, 3, 1, 1, 0), notes, labels, ['sex'], 1).value,
    releasedAccuracy: kind === 'private' ? { value: 0.7, low: 0.4, high: 0.9, epsilon: 1 } : null, statement: statementOf(plan, { unit: 'person', trainingUnits: 17, classes: 2 }), energyWh: run.energyWh, carbonGrams: run.carbonGrams,
  };
  // Copies: they share labels and plan, and each is spoilt alone.
  return { project: structuredClone(project), run: structuredClone(run), model: structuredClone(model), results: structuredClone(results) };
}

/** The file in one word. */
async function fileOf({ project, run, model, results }: ReturnType<typeof things>): Promise<string> {
  const encoder = { shape: nanoShape, report: { name: 'nano', sizeBytes: 0, sha256: 'abc', license: 'Apache-2.0', layers: nanoShape.layers, width: nanoShape.width, parameters: 1 } };
  return bytesToHex(sha256(new Uint8Array(await exportedModel(project, run, model, results, encoder).value.arrayBuffer())));
}

/** What may have a say in the file, and why: charged, on the public list, or let out by the owner's act. All else is for the owner's eyes. */
const publicFacts: readonly (readonly [RegExp, ReleaseReason])[] = [
  // Chosen without the notes, or from counts that zero-out adjacency holds public; epsilon and the steps follow from the charges.
  [/^run plan /, 'public'], [/^run checkedDevice /, 'public'], [/^run facts /, 'public'], [/^run stepsDone$/, 'public'], [/^run isFromFile$/, 'public'], [/^results statement /, 'public'],
  [/^results releasedAccuracy( |$)/, 'charged'],
];
const mayLeave: Readonly<Record<'private' | 'plain', readonly (readonly [RegExp, ReleaseReason | OwnersAct])[]>> = {
  private: [...publicFacts, [/^model /, 'charged']],
  plain: [...publicFacts, [/^model /, 'save-plain-model'], [/^run energyWh /, 'save-plain-model']],
};

describe.each(['private', 'plain'] as const)('an exported model that is %s', (kind) => {
  const paths = [...leaves(things(kind))].map((path) => ({ path, name: path.join(' ') }));
  const ownersEyes = paths.filter(({ name }) => !mayLeave[kind].some(([pattern]) => pattern.test(name)));

  it('keeps back every exact score, and whatever the lists do not name', () => {
    const names = ownersEyes.map(({ name }) => name);
    for (const part of ['run accuracy value', 'run macroF1', 'run points 0 heldOutLossNats', 'run seconds', 'run carbonGrams central', 'results temperature', 'project name', 'project rowCount']) expect(names).toContain(part);
    for (const part of ['results classification', 'results calibration', 'results groups']) expect(names.filter((name) => name.startsWith(part)).length).toBeGreaterThan(3);
    expect(names.includes('run energyWh central')).toBe(kind === 'private');
    expect(ownersEyes.length).toBeGreaterThan(80);
    // A line of the list that no field answers to would let a later one through unseen.
    for (const [pattern] of mayLeave[kind]) expect(paths.some(({ name }) => pattern.test(name)), String(pattern)).toBe(true);
  });

  it.each(ownersEyes)('is the same file whatever stands at $name', async ({ path }) => {
    const changed = things(kind);
    spoil(changed, path);
    expect(await fileOf(changed)).toEqual(await fileOf(things(kind)));
  });

  it('is another file where a score that was charged, a public fact, or what its owner let out is another', async () => {
    for (const name of ['run stepsDone', 'run facts trainingRows', 'run isFromFile', ...(kind === 'private' ? ['results releasedAccuracy value', 'results statement epsilon'] : ['run energyWh central'])]) {
      const changed = things(kind);
      spoil(changed, name.split(' '));
      expect(await fileOf(changed), name).not.toEqual(await fileOf(things(kind)));
    }
  });
});
