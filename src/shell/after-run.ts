/** What a whole run of a plan would come to, in both parts, and which charges of it would be refused. */
import { BedsideError } from '../ground/errors.ts';
import type { ExtraCharges, LedgerState } from '../privacy/balance.ts';
import type { Charge } from '../privacy/composition.ts';
import { heldOutCharges, plannedCharges, searchScoreCharges } from '../training/planned-charges.ts';
import type { PrivatePlan } from '../training/plan.ts';
import type { RefusedParts } from './bedside.service.ts';
import type { LedgerSubject } from './ledger-keeper.ts';

export interface AfterRun {
  /** Of the most exposed unit, whichever part it is in. */
  readonly epsilonAfter: number;
  readonly epsilonTrainingAfter: number;
  readonly epsilonHeldOutAfter: number;
  readonly allowanceAfter: number | null;
  readonly fitsBudget: boolean;
  /** Where it is not this data set's limit that does not suffice: another data set that may hold the same people would be brought past its own. */
  readonly overElsewhere: { readonly epsilonAfter: number; readonly epsilonLimit: number } | null;
  readonly refusedParts: RefusedParts | null;
  /** False where the run will leave out the score that may leave: it does not fit beside the rest, or would be of units that train. */
  readonly scoreFits: boolean;
  /** Largest epsilon at which that score would fit, in hundredths; null where it fits as it is, or at none. */
  readonly scoreLeft: number | null;
}

/** Where nobody can say what was spent. */
export const afterUnknown: AfterRun = { epsilonAfter: Infinity, epsilonTrainingAfter: Infinity, epsilonHeldOutAfter: Infinity, allowanceAfter: null, fitsBudget: false, overElsewhere: null, refusedParts: null, scoreFits: true, scoreLeft: null };

type Dealt = Pick<LedgerSubject, 'splitId' | 'trainingUnits' | 'isDisjoint' | 'classes'>;

/** The least that the page takes for a score. */
const leastHundredths = 5;

/**
 * `state` is the ledger as the run would find it. A run leaves out a score that may leave where that does not fit; what a search chooses by it cannot leave out.
 * `charges`: those of the training part, where they are not the plan's.
 */
export function afterRunOf(state: LedgerState, { splitId, trainingUnits, isDisjoint, classes }: Dealt, plan: PrivatePlan, charges?: readonly Charge[]): AfterRun {
  const training = charges ?? plannedCharges(plan, trainingUnits, classes);
  const choice = searchScoreCharges(plan);
  const fits = (heldOut: readonly Charge[]) => state.refusal(splitId, { training, 'held-out': heldOut }) === null;
  const scoreFits = plan.validationEpsilon === null || (isDisjoint && fits(heldOutCharges(plan)));
  const extra = { training, 'held-out': scoreFits ? heldOutCharges(plan) : choice };
  const after = state.bounds.tightly(() => state.balance(splitId, extra));
  if (!after) return afterUnknown;
  const refusal = state.refusal(splitId, extra);
  const isElsewhere = refusal?.kind === 'limit' && refusal.splitId !== splitId;
  return {
    epsilonAfter: after.epsilonSpent, epsilonTrainingAfter: after.epsilonTraining, epsilonHeldOutAfter: after.epsilonHeldOut, allowanceAfter: after.allowance?.epsilonSpent ?? null,
    fitsBudget: refusal === null,
    overElsewhere: isElsewhere ? { epsilonAfter: refusal.epsilonAfter, epsilonLimit: refusal.epsilonLimit } : null,
    refusedParts: refusal === null ? null : refusedParts(state, splitId, plan, training),
    // Of a run that is refused as a whole it is no news.
    scoreFits: scoreFits || refusal !== null,
    scoreLeft: scoreFits || refusal !== null || !isDisjoint ? null : mostThatFits(plan.validationEpsilon, (validationEpsilon) => fits(heldOutCharges({ ...plan, validationEpsilon }))),
  };
}

/** Which part's charges would be refused by themselves; both where it is only together. Of a search's scores, how much would fit. */
function refusedParts(state: LedgerState, splitId: string, plan: PrivatePlan, training: readonly Charge[]): RefusedParts {
  const choice = searchScoreCharges(plan);
  const isRefused = (extra: ExtraCharges) => state.refusal(splitId, extra) !== null;
  const [isTraining, isHeldOut] = [isRefused({ training }), isRefused({ 'held-out': choice })];
  if (!isTraining && !isHeldOut) return { training: true, heldOut: choice.length > 0, searchScoreLeft: null };
  if (!isHeldOut || plan.kind !== 'full-batch-head' || !plan.search) return { training: isTraining, heldOut: isHeldOut, searchScoreLeft: null };
  const { search } = plan;
  // A training part that is refused at any rate has to be made smaller anyway.
  const beside = isTraining ? {} : { training };
  const searchScoreLeft = mostThatFits(search.scoreEpsilon, (scoreEpsilon) => !isRefused({ ...beside, 'held-out': searchScoreCharges({ ...plan, search: { ...search, scoreEpsilon } }) }));
  return { training: isTraining, heldOut: isHeldOut, searchScoreLeft };
}

/** Largest epsilon in hundredths, up to `most`, that fits; null where none does that a page would take. */
function mostThatFits(most: number, fits: (epsilon: number) => boolean): number | null {
  let [low, high, best] = [leastHundredths - 1, Math.ceil(100 * most), null as number | null];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const answer = answerOf(fits, middle / 100);
    if (answer === 'fits') best = middle / 100;
    if (answer === 'too-much') high = middle;
    else low = middle;
  }
  return best;
}

/** A choice among runs has a least price, below which there are no charges to ask for. */
function answerOf(fits: (epsilon: number) => boolean, epsilon: number): 'fits' | 'too-much' | 'too-little' {
  try {
    return fits(epsilon) ? 'fits' : 'too-much';
  } catch (error) {
    if (error instanceof BedsideError && error.code === 'training/search-costs-more') return 'too-little';
    throw error;
  }
}
