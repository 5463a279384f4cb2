import type { Note } from '../data/table.ts';

export interface Split {
  readonly training: readonly Note[];
  readonly heldOut: readonly Note[];
}

/** Says by keyed hash whether a unit is held out; `isHeldOut` of `privacy/unit-hash.ts` with key and share filled in. `index` is the note's place. */
export type HeldOutRule = (kind: 'row' | 'person', id: string, index: number) => boolean;

/**
 * Sets the held-out part aside by the keyed hash of the person, or of the row's text where there is no person, before anything is looked at.
 * A person's notes never straddle the parts, whatever the unit of privacy; a text may, that two persons have in common. Rows that name nobody fall by their
 * text. No stratification, no second deal.
 */
export function splitNotes(notes: readonly Note[], isHeldOut: HeldOutRule): Split {
  const training: Note[] = [];
  const heldOut: Note[] = [];
  notes.forEach((note, index) => {
    const isOut = note.person === null ? isHeldOut('row', note.text, index) : isHeldOut('person', note.person, index);
    (isOut ? heldOut : training).push(note);
  });
  return { training, heldOut };
}
