import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { nanoShape } from '../engine/model/nano.ts';
import { bytesToUtf8 } from '../ground/bytes.ts';
import { evaluateHeldOut } from '../training/evaluate.ts';
import { statementOf } from '../training/statement.ts';
import type { Plan } from '../training/plan.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { RunResults } from './bedside.service.ts';
import { exportedModel } from './exported-model.ts';
import { summaryOfRun } from './project-summary.ts';
import type { ProjectRecord, RunRecord } from './records.ts';

const labels = ['heart', 'lung'];
const plan: Plan = { kind: 'plain-head', maximumLength: 64, unit: 'person', heldOutShare: 0.2, seed: 1, epochs: 3, batchSize: 16, learningRate: 0.01, weightDecay: 0 };
const model: TrainedModel = { kind: 'head', labels, maximumLength: 64, features: { layers: [nanoShape.layers], weights: [1], isUnitLength: false }, mean: null, biasInput: 1, weights: new Float32Array(2 * (nanoShape.width + 1)) };
const nothing = { low: 0, central: 0, high: 0 };
const facts = { trainingRows: 41, trainingUnits: 17, heldOutUnits: 5, labels, isSynthetic: false, codeVersion: '0.0.7' };
const { facts: _, ...old }: RunRecord = { id: 'r', projectId: 'p', number: 12, state: 'finished', plan, facts, startedAtMs: 1, seconds: 3, stepsDone: 9, steps: 9, epsilonRun: null, energyWh: nothing, carbonGrams: nothing, accuracy: null, macroF1: null, points: [], device: '', savedAtMs: null };
const encoder = { shape: nanoShape, report: { name: 'nano', sizeBytes: 0, sha256: 'abc', license: 'Apache-2.0', layers: nanoShape.layers, width: nanoShape.width, parameters: 1 } };
/** What is known of the project: the type lets no more of it near the file. */
const project: ProjectRecord = { id: 'p', name: 'Mrs Jones, Hillside clinic', fileName: 'jones.csv', isSynthetic: false, createdAtMs: 0, openedAtMs: 0, rowCount: 9999, noteCount: 8888, columnRoles: {}, sentences: {}, epsilonLimit: 4, runsStarted: 12 };

async function exported(run: RunRecord): Promise<Readonly<Record<string, Uint8Array>>> {
  const results: RunResults = { run: summaryOfRun(run), labels, ...evaluateHeldOut(new Float32Array(0), [], labels, [], 1).value, releasedAccuracy: null, statement: statementOf(plan, { unit: 'person', trainingUnits: 17, classes: 2 }), energyWh: nothing, carbonGrams: nothing };
  return unzipSync(new Uint8Array(await exportedModel(project, run, model, results, encoder).value.arrayBuffer()));
}

describe('an exported model', () => {
  it('speaks of the data and the version as they were when the run began', async () => {
    const card = bytesToUtf8((await exported({ ...old, facts }))['bedside-model/README.md']!);
    expect(card).toContain('41 notes of 17 persons; labels: heart, lung.');
    expect(card).toContain('Made with Bedside 0.0.7 ');
  });

  it('of an older version says that the counts were not recorded, and takes none from what is there now', async () => {
    const card = bytesToUtf8((await exported(old))['bedside-model/README.md']!);
    expect(card).toContain('The number of notes was not recorded with the run; labels: heart, lung.');
  });

  it('of a run that came with a project file says whose word its promise is', async () => {
    const sentence = 'neither made the run nor holds its charges';
    expect(bytesToUtf8((await exported({ ...old, facts, isFromFile: true }))['bedside-model/README.md']!)).toContain(sentence);
    expect(bytesToUtf8((await exported({ ...old, facts }))['bedside-model/README.md']!)).not.toContain(sentence);
    const spoilt = { ...facts, codeVersion: '1\n\n# Certified' };
    expect(bytesToUtf8((await exported({ ...old, facts: spoilt }))['bedside-model/README.md']!)).not.toContain('\n# Certified');
  });

  it('holds nothing of the project: no name of it or of its file, no count of now', async () => {
    const files = await exported({ ...old, facts });
    const everything = Object.entries(files).map(([name, bytes]) => name + bytesToUtf8(bytes.map((byte) => (byte < 128 ? byte : 63)))).join('\n');
    expect(everything).not.toMatch(/jones|hillside|clinic\b|9999|8888/i);
    expect(new Set(Object.keys(files).map((name) => name.split('/')[0]))).toEqual(new Set(['bedside-model']));
  });
});
