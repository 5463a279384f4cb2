/** Why the command line's ledger lets a run not begin, and what helps. */
import { BedsideError } from '../ground/errors.ts';
import { roundUp, roundUpTo } from '../ground/rounding.ts';
import type { CommonNotes } from '../privacy/common-notes.ts';

const round = (value: number) => roundUp(value, 3);

/** A limit that the run would fit into, for a hint: two decimals, rounded up. */
const enough = (epsilon: number) => roundUpTo(epsilon, 2);

/** What a refusal tells beside its figures: whether a smaller run would fit, and what of the file earlier ones hold too. */
export interface Circumstances {
  readonly fitsSmaller: boolean;
  readonly common: CommonNotes;
}

function commonInWords({ notes, persons, rows, clipNorms }: CommonNotes): string {
  if (notes + persons === 0) return '';
  const counts = [notes > 0 ? `${notes} of its notes${rows.length > 0 ? ` (${rows.length === 1 ? 'row' : 'rows'} ${rows.join(', ')})` : ''}` : '', persons > 0 ? `${persons} of its persons` : ''].filter((count) => count !== '');
  const severalfold = clipNorms > 1 ? `, and as someone of this file may be several people there, or a part of one, what was spent there counts as if its noise were up to ${clipNorms} times smaller` : '';
  return ` ${counts.join(' and ')} ${notes + persons === 1 ? 'is' : 'are'} in an earlier file of this ledger too${severalfold}.`;
}

function waysOut({ fitsSmaller, common }: Circumstances, otherLedger: string, limit: number): string {
  // Without these rows one column names the same persons in both files.
  const leavingOut = common.isNamedOtherwise && !common.isAll ? ['the file without the notes that are in both, whose persons have other names there'] : [];
  const ways = [...(fitsSmaller ? ['a smaller --epsilon'] : []), ...leavingOut, otherLedger];
  return `${fitsSmaller ? '' : 'No --epsilon is small enough. '}Give ${ways.join(', ')}, or --limit ${enough(limit)} in the knowledge of what that gives up.`;
}

export function earlierFilesOverLimit(after: number, limit: number, circumstances: Circumstances): BedsideError {
  return new BedsideError('budget/earlier-over-limit', 'budget', `Notes of an earlier file may be of the same people, and with this run they would have spent epsilon ${round(after)}, beyond their limit of ${round(limit)}. Nothing was charged.${commonInWords(circumstances.common)}`, waysOut(circumstances, 'another --ledger where no one is in both files', after));
}

export function overLimit(after: number, limit: number, spent: number, circumstances: Circumstances): BedsideError {
  return new BedsideError('budget/over-limit', 'budget', `These rows, or people of earlier files who may be in them, have spent epsilon ${round(spent)}; this run would bring them to ${round(after)}, beyond the limit of ${round(limit)}. Nothing was charged.${commonInWords(circumstances.common)}`, waysOut(circumstances, 'another --ledger where what was spent before was on other people (made-up notes, say)', after));
}
