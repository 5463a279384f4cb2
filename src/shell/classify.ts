import { addColumns } from '../data/added-columns.ts';
import { guessColumns } from '../data/columns.ts';
import { csvText } from '../data/csv-write.ts';
import { parseTable } from '../data/parse.ts';
import type { RawTable } from '../data/table.ts';
import { BedsideError } from '../ground/errors.ts';
import { probabilitiesOf } from '../training/predict.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { Tokenizer } from '../training/units.ts';
import type { Prediction, Progress } from './bedside.service.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

const rowsAtATime = 64;

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
  readonly crew: TrainingCrew;
  /** Divides the logits; fitted on private rows, for the owner's eyes. */
  readonly temperature: number;
}

async function predict({ model, tokenizer, crew, temperature }: Classifier, texts: readonly string[]): Promise<Prediction[]> {
  const rows = texts.map((text) => tokenizer.encode(text, model.maximumLength));
  const logits = await crew.modelLogits(model, rows.map((row) => row.ids));
  return probabilitiesOf(logits, model.labels.length, temperature).map((probabilities, index) => {
    const confidence = Math.max(...probabilities);
    const { ids, cutTokens } = rows[index]!;
    return { label: model.labels[probabilities.indexOf(confidence)]!, confidence, probabilities, tokens: ids.length, cutTokens };
  });
}

export async function classifyText(classifier: Classifier, text: string): Promise<Prediction> {
  const [prediction] = await predict(classifier, [text]);
  return prediction!;
}

/** The column of notes: the one named as in training, else the one that looks like it. */
function textColumn(table: RawTable, trainedName: string | null): number {
  const named = trainedName === null ? -1 : table.header.indexOf(trainedName);
  if (named >= 0) return named;
  const guessed = guessColumns(table).findIndex((guess) => guess.role === 'text');
  if (guessed < 0) throw noTextColumn();
  return guessed;
}

/** Labels every readable row of a file; the file comes back as CSV with `predicted_label` and `confidence` added. Rows without text stay empty. */
export async function classifyTable(classifier: Classifier, file: File, trainedName: string | null, isCancelled: () => boolean, onProgress: (progress: Progress) => void): Promise<Blob> {
  const table = await parseTable({ fileName: file.name, bytes: new Uint8Array(await file.arrayBuffer()), decode: (bytes, encoding) => new TextDecoder(encoding).decode(bytes), pause: takeTurn, isCancelled });
  const column = textColumn(table, trainedName);
  const rows = table.rows.filter(({ cells }) => cells[column]!.trim() !== '');
  const labels = new Map<number, string>();
  const confidences = new Map<number, string>();
  for (let start = 0; start < rows.length; start += rowsAtATime) {
    if (isCancelled()) throw classifyCancelled();
    const part = rows.slice(start, start + rowsAtATime);
    const predictions = await predict(classifier, part.map(({ cells }) => cells[column]!));
    predictions.forEach(({ label, confidence }, index) => {
      labels.set(part[index]!.row, label);
      confidences.set(part[index]!.row, confidence.toFixed(4));
    });
    onProgress({ done: Math.min(rows.length, start + rowsAtATime), total: rows.length });
  }
  const { header, rows: records } = addColumns(table, [
    { name: 'predicted_label', cells: labels },
    { name: 'confidence', cells: confidences },
  ]);
  return new Blob([csvText(header, records, { withByteOrderMark: true })], { type: 'text/csv' });
}
