import { checkInteger } from '../ground/check.ts';
import { mulberry32 } from '../ground/random.ts';
import { drawSample } from './sample-draw.ts';
import { specialties } from './sample-phrases.ts';
import { dirichlet } from './sample-shares.ts';
import { sampleHeader, tableOfNotes } from './sample-table.ts';
import type { RawTable } from './table.ts';

/** What every seat of a workshop is dealt, so that nobody prepares data. */
export interface SampleDeal {
  /** Of one seat; a person has 1 to 6 notes. */
  readonly persons: number;
  readonly notes: number;
  /** Concentration of the Dirichlet distribution that a seat's shares of the labels are drawn from; null: a general clinic everywhere. */
  readonly alpha: number | null;
}

const wrongLabelShare = 0.03;
const firstSeed = 20_261_126;
/** 2^32 over the golden ratio: seeds of neighbouring seats lie far apart. */
const seedStep = 0x9e3779b1;
const mostSeats = 10_000;
/** Seats count from 1: no seat is dealt these. */
const evaluationSeat = 0;
const evaluation: SampleDeal = { persons: 120, notes: 300, alpha: null };

/** The made-up notes of a seat, always the same ones. Seats have no person in common. @param seat counted from 1 */
export function dealtTable(deal: SampleDeal, seat: number): RawTable {
  checkInteger('seat', seat, 1, mostSeats);
  return tableOfSeat(deal, seat, `sample-notes-seat-${seat}${deal.alpha === null ? '' : `-skew-${deal.alpha}`}.csv`);
}

/** 300 notes of people whom no seat is dealt, in the shares of a general clinic: what the shared model is scored on. */
export function evaluationTable(): RawTable {
  return tableOfSeat(evaluation, evaluationSeat, 'sample-notes-evaluation.csv');
}

function tableOfSeat({ persons, notes, alpha }: SampleDeal, seat: number, fileName: string): RawTable {
  const seed = (firstSeed + Math.imul(seat, seedStep)) >>> 0;
  return tableOfNotes(fileName, drawSample({
    seed, persons, notes, wrongLabels: Math.round(wrongLabelShare * notes),
    // Another stream than the notes': the same numbers would tie a seat's shares to its first persons.
    shares: alpha === null ? null : dirichlet(specialties.length, alpha, mulberry32((seed ^ seedStep) >>> 0)),
    personId: (number) => `${prefixOf(seat, alpha)}${String(number).padStart(3, '0')}`,
  }));
}

/** Says how a table was dealt, so that it can be recognised, and that it was made up. */
function prefixOf(seat: number, alpha: number | null): string {
  return `sample-${seat}-${alpha === null ? '' : `skew-${alpha}-`}`;
}

const dealtId = /^sample-(\d{1,5})-(?:skew-(\d[\d.e+-]*)-)?\d{3,4}$/;

/** Whether a table is one that was dealt out, under whatever name: its rows are drawn again and compared. */
export function isDealtTable(table: Pick<RawTable, 'header' | 'rows'>): boolean {
  const persons = new Set(table.rows.map(({ cells }) => cells[2] ?? ''));
  const [, seat, alpha] = dealtId.exec(table.rows[0]?.cells[2] ?? '') ?? [];
  if (seat === undefined || table.header.join('\t') !== sampleHeader.join('\t') || Number(seat) > mostSeats || table.rows.length > 6 * persons.size) return false;
  const shares = alpha === undefined ? null : Number(alpha);
  if (shares !== null && !(shares > 0 && shares < Infinity)) return false;
  const dealt = tableOfSeat({ persons: persons.size, notes: table.rows.length, alpha: shares }, Number(seat), '').rows;
  return table.rows.every((row, index) => row.cells.length === sampleHeader.length && row.cells.every((cell, column) => cell === dealt[index]!.cells[column]));
}
