/**
 * Notes that are planted to be found again where adapters are trained: a few words drawn by lot among those that no note of the person has, in no order,
 * under a label by lot. No real note pulls the model the same way for such words, and the wrong label keeps the gradient above the clip.
 * Unlike the head's canaries they are token ids, so that the whole encoder sees them; what they share with one another is taken out when they are scored (`planted-scores.ts`).
 */
import { checkInteger } from '../../ground/check.ts';
import { shuffle } from '../../ground/random.ts';
import type { TokenizedUnit } from '../trainer.ts';

/** Words of a planted note: short, so that hundreds of them cost as much as some tens of real notes. */
const plantedWords = 5;
export const plantedTokens = plantedWords + 2;

/** Ids that none of `rows` has; all ids where less than half are free. */
function freeIds(rows: readonly Int32Array[], vocabularySize: number): Int32Array {
  const isUsed = new Uint8Array(vocabularySize);
  for (const ids of rows) for (const id of ids) isUsed[id] = 1;
  const all = Int32Array.from({ length: vocabularySize }, (_, id) => id);
  const free = all.filter((id) => isUsed[id] === 0);
  return free.length > vocabularySize / 2 ? free : all;
}

/**
 * `count` planted notes of one row each, with labels by lot and as many of each label as of any other, give or take one.
 * Shapes: `sentences` are framed as notes are ([CLS] first, [SEP] last), and lend their frame.
 */
export function designPlantedNotes(units: readonly TokenizedUnit[], sentences: readonly Int32Array[], vocabularySize: number, count: number, random: () => number): readonly TokenizedUnit[] {
  checkInteger('planted notes', count, 1);
  const free = freeIds([...units.flatMap(({ rows }) => rows.map(({ ids }) => ids)), ...sentences], vocabularySize);
  const frame = sentences[0]!;
  const labels = shuffle(Int32Array.from({ length: count }, (_, index) => index % sentences.length), random);
  return Array.from(labels, (label, unit) => {
    const words = Array.from({ length: plantedWords }, () => free[Math.floor(random() * free.length)]!);
    return { unit, rows: [{ label, ids: Int32Array.of(frame[0]!, ...words, frame.at(-1)!) }] };
  });
}
