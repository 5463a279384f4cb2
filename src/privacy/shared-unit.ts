import { BedsideError } from '../ground/errors.ts';
import type { PrivacyUnit } from './events.ts';

/**
 * What a federation protects: a unit of the ledger, or all notes of a participant together.
 *
 * The ledger counts for rows and persons, never for a participant. A round whose unit is the participant is charged to the notes that take part as any full-batch round is, so for a
 * row or person among them it is neither more nor less than what was released. For persons of other data sets that count it is more: they pay as often as they may have rows there, and the
 * one round covers all of these at once. For the participant as a whole nothing is added up: data sets that were declared to be about different people each pay for their own
 * federation, as their people should, while what all of them come to for the device is the sum of every mu squared, whatever was declared. A federation's promise is of its own rounds, and says so.
 */
export type SharedUnit = PrivacyUnit | 'participant';

/**
 * By how many clip norms the notes of one unit move a sum at most. A row or a person brings one contribution or nothing. All notes of a participant are one contribution whatever they
 * are, so the sum is never without it: with other notes in place of some or all of them it lies elsewhere in the ball of the clip norm, two clip norms away at most. What covers that
 * covers each row and each person among them, as the ledger has it for a unit that is only a part of another (`data-sets.ts`).
 * @throws `privacy/unit` for any other unit.
 */
export function clipNormsMoved(unit: SharedUnit): number {
  switch (unit) {
    case 'row':
    case 'person':
      return 1;
    case 'participant':
      return 2;
    default:
      throw unknownUnit(unit);
  }
}

/** What came from a file or a wire may be of no type: to take it for the unit that asks for less noise would be the wrong guess. */
function unknownUnit(unit: never): BedsideError {
  return new BedsideError('privacy/unit', 'settings', `A federation protects a row, a person or a participant, found ${String(unit)}.`, 'Name one of the three.', { found: String(unit) });
}
