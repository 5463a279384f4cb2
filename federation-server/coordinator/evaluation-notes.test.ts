import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fromNpy } from '../../src/federation/arrays.ts';
import { utf8ToBytes } from '../../src/ground/bytes.ts';
import { mapRows } from '../../src/ground/orthonormal-map.ts';
import { centreRows, headLogits } from '../../src/training/features.ts';
import { projectionMap } from '../../src/training/federated-projection.ts';
import { encodeEvaluation, evaluationNotes } from './evaluation-notes.ts';
import { completeTask, type TaskChanges } from './task-draft.ts';
import { taskFile } from './testing/scene.ts';

const unchanged: TaskChanges = { rounds: null, epsilon: null, skew: null, centralNoise: null, releaseKey: null };
const draft = utf8ToBytes(JSON.stringify({ name: 'Test', coordinator: 'Nobody', labels: ['heart', 'bone'], labelSentences: ['heart and vessels: palpitations', 'bones and joints: fractures'], unit: 'row', rounds: 4, delta: 1e-5, clipNorm: 0.5, epsilon: 2 }));
const texts = ['palpitations and a murmur', 'fracture of the wrist', 'chest pain, stent', 'hip joint worn out'];

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bedside-evaluation-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(rows: readonly string[], header = 'text,label'): string {
  const path = join(folder, 'notes.csv');
  writeFileSync(path, [header, ...rows].join('\n'));
  return path;
}

const rows = Array.from({ length: 20 }, (_, index) => `"${texts[index % 4]!}",${index % 2 === 0 ? 'heart' : 'bone'}`);

describe('public notes', () => {
  it('of the built-in task are made-up ones that no seat is dealt; of another there are none unless they are given', async () => {
    const { task } = await completeTask(null, unchanged);
    const notes = await evaluationNotes(null, task);
    expect([notes?.texts.length, Math.max(...notes!.labels)]).toEqual([300, 3]);
    expect(await evaluationNotes(null, (await completeTask(draft, unchanged)).task)).toBeNull();
  });

  it('are encoded once, as a node encodes its own', async () => {
    const { task, initial } = await completeTask(draft, unchanged);
    const notes = (await evaluationNotes(file(rows), task))!;
    const path = await encodeEvaluation(notes, task, folder);
    const width = task.head!.publicMean.length;
    const features = fromNpy(readFileSync(join(path, 'evaluation-features.npy')), [20, width]);
    expect(Array.from(fromNpy(readFileSync(join(path, 'evaluation-labels.npy')), [20]))).toEqual(notes.labels);
    // Unit vectors; the label sentences alone tell these notes apart.
    expect(Math.hypot(...features.subarray(0, width))).toBeCloseTo(1, 5);
    centreRows(features, Float32Array.from(task.head!.publicMean));
    const logits = headLogits(features, 20, initial!, 2, task.head!.biasInput);
    expect(notes.labels.filter((label, row) => Number(logits[2 * row + 1]! > logits[2 * row]!) === label).length).toBeGreaterThanOrEqual(15);

    const writtenMs = statSync(join(path, 'evaluation-features.npy')).mtimeMs;
    await encodeEvaluation(notes, task, folder);
    expect(statSync(join(path, 'evaluation-features.npy')).mtimeMs).toBe(writtenMs);
    await encodeEvaluation({ ...notes, texts: [...notes.texts.slice(1), 'another'] }, task, folder);
    expect(statSync(join(path, 'evaluation-features.npy')).mtimeMs).toBeGreaterThan(writtenMs);
  });

  it('come with the map of a task that has one, and without it again for one that has none', async () => {
    const { task, initial } = await completeTask(draft, { ...unchanged, project: 8 });
    const notes = (await evaluationNotes(file(rows), task))!;
    const path = await encodeEvaluation(notes, task, folder);
    const map = fromNpy(readFileSync(join(path, 'evaluation-map.npy')), [8, 384]);
    expect(map).toEqual(projectionMap(task.head!));
    const features = fromNpy(readFileSync(join(path, 'evaluation-features.npy')), [20, 384]);
    centreRows(features, Float32Array.from(task.head!.publicMean));
    const logits = headLogits(mapRows(features, map, 384), 20, initial!, 2, task.head!.biasInput);
    expect(notes.labels.filter((label, row) => Number(logits[2 * row + 1]! > logits[2 * row]!) === label).length).toBeGreaterThanOrEqual(15);
    await encodeEvaluation(notes, (await completeTask(draft, unchanged)).task, folder);
    expect(existsSync(join(path, 'evaluation-map.npy'))).toBe(false);
  });

  it('that do not fit are refused, by the row where it is one', async () => {
    const { task } = await completeTask(draft, unchanged);
    await expect(evaluationNotes(file([...rows, 'a note,lung']), task)).rejects.toMatchObject({ code: 'input/evaluation-row', message: expect.stringContaining('22') as string });
    await expect(evaluationNotes(file(rows.slice(1)), task)).rejects.toMatchObject({ code: 'input/few-notes' });
    await expect(evaluationNotes(file(rows, 'note,label'), task)).rejects.toMatchObject({ code: 'input/no-column' });
    await expect(evaluationNotes(join(folder, 'absent.csv'), task)).rejects.toMatchObject({ code: 'input/no-file' });
    await expect(evaluationNotes(file(rows), (await completeTask(taskFile, unchanged)).task)).rejects.toMatchObject({ code: 'input/no-head' });
  });
});
