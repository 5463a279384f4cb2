import type { Dataset, Note } from '../data/table.ts';
import { codeVersion } from '../ground/version.ts';
import { sentencesOf } from '../training/label-words.ts';
import type { Plan } from '../training/plan.ts';
import type { RunFacts } from '../training/run-facts.ts';
import type { Split } from '../training/split.ts';
import type { TokenizedUnit } from '../training/trainer.ts';
import { groupUnits, tokenizeNotes, type Tokenizer } from '../training/units.ts';
import type { Progress } from './bedside.service.ts';
import type { LedgerSubject } from './ledger-keeper.ts';
import { takeTurn } from './turn.ts';

/** A run's rows as the session takes them, and the held-out notes in the order of their logits. */
export interface RunData {
  readonly training: readonly TokenizedUnit[];
  readonly heldOut: readonly TokenizedUnit[];
  readonly heldOutNotes: readonly Note[];
  readonly labelSentences: readonly Int32Array[];
}

/** What a run that begins now will say of its data, whatever becomes of the notes. */
export function factsOf({ labels, isSynthetic }: Pick<Dataset, 'labels' | 'isSynthetic'>, { split, units, trainingUnits }: Pick<LedgerSubject, 'split' | 'units' | 'trainingUnits'>): RunFacts {
  return { trainingRows: split.training.length, trainingUnits, heldOutUnits: units - trainingUnits, labels, isSynthetic, codeVersion };
}

/** Tokenizes and groups both parts of a split. The worker stays reachable meanwhile; what `onProgress` throws ends the work, and it waits for what that returns. */
export async function prepareRunData(
  dataset: Pick<Dataset, 'labels'>,
  split: Split,
  plan: Plan,
  sentences: Readonly<Record<string, string>>,
  tokenizer: Tokenizer,
  onProgress: (progress: Progress) => void | Promise<void>,
): Promise<RunData> {
  const total = split.training.length + split.heldOut.length;
  const tokenize = (notes: readonly Note[], before: number) =>
    tokenizeNotes(notes, tokenizer, plan.maximumLength, async (done) => {
      await onProgress({ done: before + done, total });
      await takeTurn();
    });
  const training = groupUnits(await tokenize(split.training, 0), dataset.labels, plan.unit);
  const heldOut = groupUnits(await tokenize(split.heldOut, split.training.length), dataset.labels, plan.unit);
  return {
    training: training.units,
    heldOut: heldOut.units,
    heldOutNotes: heldOut.notes,
    labelSentences: sentencesOf(dataset.labels, sentences).map((sentence) => tokenizer.encode(sentence, plan.maximumLength).ids),
  };
}

