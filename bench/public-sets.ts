import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Note } from '../src/data/table.ts';
import { readTable } from '../src/cli/node-files.ts';

export type SetName = 'mts' | 'banking';

/** A public data set with its own test part. Notes keep every row, in file order. */
export interface PublicSet {
  readonly training: readonly Note[];
  readonly test: readonly Note[];
  readonly labels: readonly string[];
  /** One public sentence a label. */
  readonly sentences: Readonly<Record<string, string>>;
  readonly maximumLength: number;
}

const folder = process.env['BEDSIDE_DATA'] ?? join(import.meta.dirname, '..', '..', 'shared', 'data');

async function readNotes(paths: readonly string[], text: string, label: string): Promise<Note[]> {
  const notes: Note[] = [];
  for (const path of paths) {
    const file = join(folder, path);
    if (!existsSync(file)) throw new Error(`Expected ${file}. Set BEDSIDE_DATA to a folder that holds it.`);
    const { header, rows } = await readTable(file);
    for (const { row, cells } of rows) notes.push({ id: notes.length, row, text: cells[header.indexOf(text)] ?? '', label: cells[header.indexOf(label)] ?? '', person: null, groups: {} });
  }
  return notes;
}

function withLabels(training: readonly Note[], test: readonly Note[]): Pick<PublicSet, 'training' | 'test' | 'labels'> {
  return { training, test, labels: [...new Set([...training, ...test].map(({ label }) => label))].sort() };
}

export const publicSets: Readonly<Record<SetName, () => Promise<PublicSet>>> = {
  async mts() {
    const read = (names: readonly string[]) => readNotes(names.map((name) => join('mts-dialog', name)), 'dialogue', 'section_header');
    const all: Record<string, Record<string, string>> = JSON.parse(readFileSync(join(folder, 'label_sentences.json'), 'utf8'));
    return {
      ...withLabels(await read(['MTS-Dialog-TrainingSet.csv']), await read(['MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv', 'MTS-Dialog-TestSet-2-MEDIQA-Sum-2023.csv'])),
      sentences: all['mts-dialog'] ?? {},
      maximumLength: 128,
    };
  },
  async banking() {
    const sets = withLabels(await readNotes([join('banking77', 'train.csv')], 'text', 'category'), await readNotes([join('banking77', 'test.csv')], 'text', 'category'));
    return { ...sets, sentences: Object.fromEntries(sets.labels.map((label) => [label, label.toLowerCase().replaceAll('_', ' ')])), maximumLength: 64 };
  },
};
