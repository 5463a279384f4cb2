import { addColumns } from '../data/added-columns.ts';
import { guessColumns } from '../data/columns.ts';
import { csvParts } from '../data/csv-write.ts';
import { parseTable } from '../data/parse.ts';
import { rowsInside } from '../data/row-problems.ts';
import type { RawRow, RawTable, RowProblemCode } from '../data/table.ts';
import { BedsideError } from '../ground/errors.ts';
import { forOwnersEyes, type OwnersEyes } from '../privacy/doors.ts';
import { isOtherScript } from '../ground/script.ts';
import { BatchPace, lengthSorted, takeBatch } from '../training/length-batches.ts';
import { probabilitiesOf } from '../training/predict.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { Tokenizer } from '../training/units.ts';
import { rememberWords } from '../training/word-memory.ts';
import type { FileReading, LabelledFile, Prediction, Progress } from './bedside.service.ts';
import { ownersFile } from './leaving-file.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

/** Rows that are cut into tokens and sorted by length together; a file that is cancelled is done up to a window, and partly in it. */
const windowRows = 2048;
/** A batch may last so long: short enough to be cancelled without a wait, long enough to keep the trainers busy. */
const batchMs = 400;

function noTextColumn(): BedsideError {
  return new BedsideError('data/no-text-column', 'input', 'This file has no column that looks like the notes.', 'Give the column of notes the same name as in the training table.');
}

export function classifyCancelled(): BedsideError {
  return new BedsideError('cancelled', 'input', 'Labelling the file was cancelled.', 'Choose the file again to label it.');
}

/** What a prediction needs beside the text. */
export interface Classifier {
  readonly model: TrainedModel;
  readonly tokenizer: Tokenizer;
  readonly crew: Pick<TrainingCrew, 'modelLogits'>;
}

interface Answer {
  readonly label: string;
  readonly confidence: number;
  readonly probabilities: readonly number[];
}

async function answers({ model, crew }: Classifier, rows: readonly Int32Array[], temperature = 1): Promise<Answer[]> {
  const logits = await crew.modelLogits(model, rows);
  return probabilitiesOf(logits, model.labels.length, temperature).map((probabilities) => {
    const confidence = Math.max(...probabilities);
    return { label: model.labels[probabilities.indexOf(confidence)]!, confidence, probabilities };
  });
}

/** For the owner's eyes: `temperature`, which divides the logits, is an exact figure of the held-out notes. */
export async function classifyText(classifier: Classifier, temperature: number, text: string): Promise<Prediction> {
  const { ids, cutTokens } = classifier.tokenizer.encode(text, classifier.model.maximumLength);
  const [answer] = await answers(classifier, [ids], temperature);
  return { ...answer!, tokens: ids.length, cutTokens };
}

/** The column of notes: the one named as in training, else the one that looks like it. */
function textColumn(table: RawTable, trainedName: string | null): number {
  const named = trainedName === null ? -1 : table.header.indexOf(trainedName);
  if (named >= 0) return named;
  const guessed = guessColumns(table).findIndex((guess) => guess.role === 'text');
  if (guessed < 0) throw noTextColumn();
  return guessed;
}

interface LabelledRow {
  readonly row: number;
  readonly label: string;
  readonly confidence: number;
  readonly isCut: boolean;
  readonly isOtherScript: boolean;
}

/** A batch that the trainers have, or whose answers wait for their turn. */
interface BatchUnderWay {
  readonly batch: readonly { readonly row: number; readonly ids: Int32Array; readonly cutTokens: number; readonly isOtherScript: boolean }[];
  readonly found: Promise<readonly Answer[]>;
}

/**
 * Labels rows in batches of like length, until the end or until `signal` says so; then the batches under way are the last. While the trainers compute one batch the
 * next is on its way to them, so that they wait neither for its tokens nor for what is done with their answers.
 */
async function labelRows(classifier: Classifier, rows: readonly RawRow[], column: number, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<LabelledRow[]> {
  const { model } = classifier;
  const reader = rememberWords(classifier.tokenizer);
  const pace = new BatchPace(batchMs);
  const labelled: LabelledRow[] = [];
  let lastDoneMs = performance.now();
  const settle = async ({ batch, found }: BatchUnderWay) => {
    const all = await found;
    const doneMs = performance.now();
    pace.learn(batch.reduce((sum, { ids }) => sum + ids.length, 0), doneMs - lastDoneMs);
    lastDoneMs = doneMs;
    all.forEach(({ label, confidence }, index) => {
      const { row, cutTokens, isOtherScript } = batch[index]!;
      labelled.push({ row, label, confidence, isCut: cutTokens > 0, isOtherScript });
    });
    onProgress({ done: labelled.length, total: rows.length });
  };
  let underWay: BatchUnderWay | null = null;
  onProgress({ done: 0, total: rows.length });
  for (let start = 0; start < rows.length; start += windowRows) {
    const window = rows.slice(start, start + windowRows).map(({ row, cells }) => ({ row, ...reader.encode(cells[column]!, model.maximumLength), isOtherScript: isOtherScript([cells[column]!]) }));
    await takeTurn();
    for (let waiting = lengthSorted(window); waiting.length > 0; ) {
      if (signal.aborted) break;
      const batch = takeBatch(waiting, pace.tokens);
      const next: BatchUnderWay = { batch, found: answers(classifier, batch.map(({ ids }) => ids)) };
      // Awaited a turn later: until then a failure is nobody's.
      next.found.catch(() => undefined);
      waiting = waiting.slice(batch.length);
      if (underWay) await settle(underWay);
      underWay = next;
    }
    if (signal.aborted) break;
  }
  if (underWay) await settle(underWay);
  return labelled;
}

function skippedRows(table: RawTable, column: number): FileReading['skipped'] {
  const counts = new Map<RowProblemCode, number>();
  for (const problem of table.unreadable) counts.set(problem.code, (counts.get(problem.code) ?? 0) + rowsInside(problem));
  const empty = table.rows.filter(({ cells }) => cells[column]!.trim() === '').length;
  if (empty > 0) counts.set('empty-text', empty);
  return [...counts].map(([code, count]) => ({ code, count }));
}

/** The table with both columns added, written a part at a time. */
async function labelledCsv(table: Pick<RawTable, 'header' | 'rows' | 'unreadable'>, labelled: readonly LabelledRow[]): Promise<OwnersEyes<Blob>> {
  const { header, rows } = addColumns(table, [
    { name: 'predicted_label', cells: new Map(labelled.map(({ row, label }) => [row, label])) },
    { name: 'confidence', cells: new Map(labelled.map(({ row, confidence }) => [row, confidence.toFixed(4)])) },
  ]);
  const parts: string[] = [];
  for (const part of csvParts(header, rows, { withByteOrderMark: true })) {
    parts.push(part);
    await takeTurn();
  }
  return ownersFile(forOwnersEyes(parts), 'text/csv');
}

/**
 * Labels every readable row of a file; the file comes back as CSV with `predicted_label` and `confidence` added. Rows without text stay empty.
 * Cancelled, it gives every row as well, with both columns empty where a row was not reached: rows are labelled by length, so those that are done lie
 * scattered, and only the whole table in its order can be joined back. Where none is labelled it throws `cancelled`.
 * Confidences are the model's own, as in the zip that leaves: the fitted temperature could be worked out from a file of them.
 */
export async function classifyTable(classifier: Classifier, file: File, trainedName: string | null, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<LabelledFile> {
  const table = await parseTable({ fileName: file.name, bytes: new Uint8Array(await file.arrayBuffer()), decode: (bytes, encoding) => new TextDecoder(encoding).decode(bytes), pause: takeTurn, isCancelled: () => signal.aborted });
  const column = textColumn(table, trainedName);
  const rows = table.rows.filter(({ cells }) => cells[column]!.trim() !== '');
  const labelled = await labelRows(classifier, rows, column, signal, onProgress);
  const reading: FileReading = {
    encoding: table.encoding, textColumn: table.header[column]!, isColumnAsTrained: table.header[column] === trainedName, skipped: skippedRows(table, column),
    cutNotes: labelled.filter(({ isCut }) => isCut).length, otherScriptNotes: labelled.filter((row) => row.isOtherScript).length, maximumLength: classifier.model.maximumLength,
  };
  const counts = { done: labelled.length, total: rows.length, reading };
  if (labelled.length === 0 && rows.length > 0) throw classifyCancelled();
  return { table: await labelledCsv(table, labelled), ...counts };
}
