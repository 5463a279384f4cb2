import { csvText } from './csv-write.ts';
import { isDealtTable } from './sample-deal.ts';
import { drawSample, type SampleNote } from './sample-draw.ts';
import { sampleHeader, tableOfNotes } from './sample-table.ts';
import type { RawTable } from './table.ts';

export { sampleSentences } from './sample-phrases.ts';

export const sampleFileName = 'sample-notes.csv';

const noteCount = 600;
const personCount = 220;
const wrongLabelCount = 18; // 3 %
const seed = 20_240_611;

/** The 600 synthetic notes, always the same ones: four specialties, 220 persons with 1 to 6 notes each, 18 wrong labels. */
export function sampleNotes(): readonly SampleNote[] {
  // No hospital's number looks like this: the ledger takes equal ids of two files for one person.
  return drawSample({ seed, persons: personCount, notes: noteCount, wrongLabels: wrongLabelCount, shares: null, personId: (number) => `sample-${String(number).padStart(3, '0')}` });
}

/** The sample as a parsed table, as if it had been read from `sampleFileName`. */
export function sampleTable(): RawTable {
  return tableOfNotes(sampleFileName, sampleNotes());
}

export function sampleCsv(): string {
  return csvText(sampleHeader, sampleTable().rows.map((row) => row.cells));
}

/** Whether a table is the built-in sample or a part that was dealt out, under whatever name: same header and same rows. */
export function isSampleTable(table: Pick<RawTable, 'header' | 'rows'>): boolean {
  if (table.header.join('\t') !== sampleHeader.join('\t')) return false;
  if (table.rows.length !== noteCount) return isDealtTable(table);
  const sample = sampleTable().rows;
  return table.rows.every((row, index) => row.cells.every((cell, column) => cell === sample[index]!.cells[column])) || isDealtTable(table);
}
