import { buildDataset } from '../data/dataset.ts';
import type { ColumnRole, Dataset, Note } from '../data/table.ts';
import { utf8ToBytes } from '../ground/bytes.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import { isHeldOut, normaliseText } from '../privacy/unit-hash.ts';
import { defaultHeldOutShare } from '../training/propose.ts';
import { splitNotes, type Split } from '../training/split.ts';
import { checkColumn, fileError, readTable } from './node-files.ts';
import { say } from './terminal.ts';
import type { TrainOptions } from './train-options.ts';
import { rowsOf, unreadableLines } from './unreadable-rows.ts';

/** The split of the command line has a public key, so that the same rows fall on the same side on every machine. */
const splitKey = utf8ToBytes('bedside command line, split of 2026');

export interface TrainData {
  readonly split: Split;
  /** Labels of both parts, in code-unit order. */
  readonly labels: readonly string[];
  readonly isSynthetic: boolean;
  /** No unit lies in both parts, so that what is charged to them composes in parallel. A `--test` file may hold units that train; and a text of two persons, which is one unit where rows are, may be dealt with either. */
  readonly isDisjoint: boolean;
}

async function readNotes(path: string, options: TrainOptions): Promise<Dataset> {
  const table = await readTable(path);
  const roles: Record<string, ColumnRole> = {};
  const give = (option: string, column: string, role: ColumnRole) => {
    checkColumn(table, option, column);
    if (roles[column] !== undefined) throw fileError('column-twice', `The column "${column}" is named twice.`, 'Give each column one part to play.');
    roles[column] = role;
  };
  give('--text', options.text, 'text');
  give('--label', options.label, 'label');
  if (options.person !== null) give('--person', options.person, 'person');
  for (const group of options.groups) give('--group', group, 'group');
  const dataset = buildDataset(table, roles);
  if (dataset.problems.length > 0) {
    const counts = new Map<string, number>();
    for (const problem of dataset.problems) counts.set(problem.code, (counts.get(problem.code) ?? 0) + rowsOf(problem));
    say(`${path}: ${dataset.notes.length} notes; rows set aside: ${[...counts].map(([code, count]) => `${count} ${code}`).join(', ')}.`);
    for (const line of unreadableLines(path, table)) say(line);
  }
  if (dataset.notes.length === 0) throw fileError('no-notes', `${path} has no usable row.`, 'Every row needs a text and a label.');
  return dataset;
}

/** Whether no unit of one part is found in the other: by its person, or by its text where it names none. */
export function partsAreDisjoint({ training, heldOut }: Split, unit: PrivacyUnit): boolean {
  const nameOf = ({ text, person }: Note) => (unit === 'person' && person !== null ? `person/${normaliseText(person)}` : `row/${normaliseText(text)}`);
  const trained = new Set(training.map(nameOf));
  return !heldOut.some((note) => trained.has(nameOf(note)));
}

/** With `--test` all of the data trains; without it a fifth is held out by the hash of the person or the row. */
export async function readTrainData(options: TrainOptions): Promise<TrainData> {
  const data = await readNotes(options.data, options);
  let split: Split;
  let labels = data.labels;
  if (options.test !== null) {
    const test = await readNotes(options.test, options);
    split = { training: data.notes, heldOut: test.notes };
    labels = [...new Set([...data.labels, ...test.labels])].sort((a, b) => (a < b ? -1 : 1));
  } else {
    split = splitNotes(data.notes, (kind, id) => isHeldOut(splitKey, `${kind}/${normaliseText(id)}`, defaultHeldOutShare));
  }
  if (labels.length < 2) throw fileError('one-label', `Training needs at least 2 labels, found ${labels.length}.`, 'Choose another --label column.');
  if (split.training.length === 0 || split.heldOut.length === 0) throw fileError('too-few', `${data.notes.length} usable rows are too few to train on some and hold some out.`, 'Add rows, or give a --test file.');
  return { split, labels, isSynthetic: data.isSynthetic, isDisjoint: partsAreDisjoint(split, options.unit) };
}

