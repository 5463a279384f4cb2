import type { SampleNote } from './sample-draw.ts';
import type { RawTable } from './table.ts';

export const sampleHeader = ['note', 'specialty', 'patient', 'sex', 'age_band', 'language'] as const;

/** Made-up notes as a parsed table, as if they had been read from a file of this name. */
export function tableOfNotes(fileName: string, notes: readonly SampleNote[]): RawTable {
  const rows = notes.map(({ text, specialty, person }, index) => ({ row: index + 2, cells: [text, specialty, person.id, person.sex, person.ageBand, person.language] }));
  return { fileName, format: 'csv', encoding: 'utf-8', header: sampleHeader, rows, unreadable: [] };
}
