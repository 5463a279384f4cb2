/** Public notes for the ServerApp to score models on: encoded here, because the base model is not there. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultModelFolder, openNodeModel, readModelManifest } from '../../src/cli/node-engine.ts';
import { checkColumn, fileError, readTable } from '../../src/cli/node-files.ts';
import { evaluationTable } from '../../src/data/sample-deal.ts';
import type { RawTable } from '../../src/data/table.ts';
import { toNpy } from '../../src/federation/arrays.ts';
import type { Task } from '../../src/federation/task.ts';
import { encodeRows } from '../../src/training/encode-rows.ts';
import { headInputs, projectionMap } from '../../src/training/federated-projection.ts';

/** Fewer say next to nothing: two standard errors of ten notes are a third of them. */
const FEWEST_NOTES = 20;

export interface EvaluationNotes {
  readonly texts: readonly string[];
  /** Places in the task's labels. */
  readonly labels: readonly number[];
}

/** The notes of `file`, else those that go with dealt-out notes; null where there are none. @throws where they do not fit the task. */
export async function evaluationNotes(file: string | null, task: Task): Promise<EvaluationNotes | null> {
  if (file === null) return task.sample === undefined ? null : notesOf(evaluationTable(), 'note', 'specialty', task);
  if (task.head === undefined) throw fileError('no-head', `${file} cannot be used: the task is about no head, so that there is nothing to label notes by.`, 'Leave --evaluate out.');
  const table = await readTable(file);
  for (const column of ['text', 'label']) checkColumn(table, '--evaluate', column);
  return notesOf(table, 'text', 'label', task);
}

function notesOf({ fileName, header, rows }: RawTable, textColumn: string, labelColumn: string, task: Task): EvaluationNotes {
  const [text, label] = [header.indexOf(textColumn), header.indexOf(labelColumn)];
  const notes = rows.map(({ row, cells }) => ({ row, text: cells[text]!.trim(), label: task.labels.indexOf(cells[label]!.trim()) }));
  const unknown = notes.find((note) => note.label < 0 || note.text === '');
  if (unknown !== undefined) throw fileError('evaluation-row', `Row ${unknown.row} of ${fileName} has no text, or a label that the task lacks.`, `Labels are ${task.labels.map((one) => `"${one}"`).join(', ')}.`);
  if (notes.length < FEWEST_NOTES) throw fileError('few-notes', `${fileName} has ${notes.length} notes; to score a model on takes ${FEWEST_NOTES} at least.`, 'Add notes, or leave --evaluate out.');
  return { texts: notes.map((note) => note.text), labels: notes.map((note) => note.label) };
}

/**
 * Writes features [n, D], labels [n] and, where the task has one, its map [k, D] as the ServerApp reads them, and resolves to their folder. What an earlier start has encoded is taken again.
 * @throws where the task has no head or another base model than the app's.
 */
export async function encodeEvaluation({ texts, labels }: EvaluationNotes, { head, baseModel, labels: names }: Task, folder: string): Promise<string> {
  if (head === undefined || (await readModelManifest(defaultModelFolder)).files['model.safetensors']?.sha256 !== baseModel) {
    throw fileError('evaluation-model', 'Notes cannot be encoded for this task: it has no head, or another base model than the app.', 'Leave --evaluate out.');
  }
  const settings = { layers: head.featureLayers, weights: head.featureWeights, isUnitLength: true };
  const stamp = createHash('sha256').update(JSON.stringify([baseModel, head.maximumLength, settings, names, texts, labels, ...(head.projection ? [head.projection.sha256] : [])])).digest('hex');
  const path = join(folder, 'evaluation');
  const stampFile = join(path, 'encoded');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return path;
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { engine, tokenizer } = await openNodeModel(defaultModelFolder);
  const features = await encodeRows(engine, texts.map((text) => tokenizer.encode(text, head.maximumLength).ids), settings, null, () => true);
  writeFileSync(join(path, 'evaluation-features.npy'), toNpy(features, [texts.length, head.publicMean.length]));
  const map = projectionMap(head);
  if (map) writeFileSync(join(path, 'evaluation-map.npy'), toNpy(map, [headInputs(head), head.publicMean.length]));
  else rmSync(join(path, 'evaluation-map.npy'), { force: true });
  writeFileSync(join(path, 'evaluation-labels.npy'), toNpy(Float32Array.from(labels), [labels.length]));
  writeFileSync(stampFile, stamp);
  return path;
}
