import { parseArgs } from 'node:util';
import { addColumns } from '../data/added-columns.ts';
import { csvText } from '../data/csv-write.ts';
import { forOwnersEyes, releasedByOwner } from '../privacy/doors.ts';
import { readModelFiles } from '../training/exported-tensors.ts';
import { predictionsOf, sharedLogits, type Prediction } from '../training/predict.ts';
import { chunks } from '../training/row-batches.ts';
import { defaultModelFolder, openNodeModel } from './node-engine.ts';
import { checkColumn, fileError, readFolder, readTable } from './node-files.ts';
import { startNodeTrainers, workerCount } from './node-trainers.ts';
import { checkOutFile, writeOutFile } from './out-files.ts';
import { runCommand, usageError } from './run-command.ts';
import { endWithReader, print, say } from './terminal.ts';
import { unreadableLines, unreadableRows } from './unreadable-rows.ts';

const rowsWorthThreads = 100;
const rowsAtATime = 128;
const usage = 'npm run -s predict -- --model FOLDER --data more.csv --text COLUMN [--out labelled.csv] [--base FOLDER]';

async function predict(): Promise<void> {
  const { values } = parseArgs({ options: { model: { type: 'string' }, data: { type: 'string' }, text: { type: 'string' }, out: { type: 'string' }, base: { type: 'string' } } });
  const { model: folder, data, text } = values;
  if (!folder || !data || !text) throw usageError('--model, --data and --text are needed.', usage);
  if (values.out !== undefined) await checkOutFile(values.out);
  const files = await readFolder(folder);
  const table = await readTable(data);
  checkColumn(table, '--text', text);
  for (const line of unreadableLines(data, table)) say(line);
  const lost = unreadableRows(table);
  if (lost > table.rows.length) throw fileError('mostly-unreadable', `${data}: only ${table.rows.length} of ${table.rows.length + lost} rows can be read. Nothing was written.`, 'Mend the row that is named first: a quote that is not closed takes along what is behind it.');
  const modelFolder = values.base ?? defaultModelFolder;
  const { engine, tokenizer } = await openNodeModel(modelFolder);
  const model = readModelFiles(files, engine.shape);
  const column = table.header.indexOf(text);
  const rows = table.rows.filter(({ cells }) => cells[column]!.trim() !== '');
  const unlabelled = table.rows.length - rows.length + lost;
  if (unlabelled > 0) say(`${unlabelled} of ${table.rows.length + lost} rows cannot be read or have no text; they stay, without a label.`);
  // A few rows are read before other threads would have started.
  const { trainers, close } = await startNodeTrainers(modelFolder, engine, rows.length < rowsWorthThreads ? 1 : workerCount());
  const predictions: Prediction[] = [];
  try {
    for (const part of chunks(rows, rowsAtATime * trainers.length)) {
      const tokenized = part.map(({ cells }) => tokenizer.encode(cells[column]!, model.maximumLength));
      predictions.push(...predictionsOf(await sharedLogits(trainers, model, tokenized.map(({ ids }) => ids)), model, tokenized));
      say(`${predictions.length} of ${rows.length}`);
    }
  } finally {
    await close();
  }
  const cells = (of: (index: number) => string) => new Map(rows.map(({ row }, index) => [row, of(index)]));
  const labelled = addColumns(table, [
    { name: 'predicted_label', cells: cells((index) => predictions[index]!.label) },
    { name: 'confidence', cells: cells((index) => predictions[index]!.confidence.toFixed(4)) },
  ]);
  const csv = releasedByOwner('save-labelled-notes', forOwnersEyes(csvText(labelled.header, labelled.rows, { withByteOrderMark: values.out !== undefined })));
  if (values.out === undefined) print(csv);
  else await writeOutFile(values.out, csv);
}

endWithReader();
await runCommand(usage, predict);
