import type { Ledger } from '../privacy/ledger.ts';
import { heldOutCharges, plannedCharges } from '../training/planned-charges.ts';
import type { PrivatePlan } from '../training/plan.ts';
import { defaultDelta } from '../training/propose.ts';
import type { LedgerSubject } from './ledger-keeper.ts';

/** What of a project's rows decides. */
type ScoredSubject = Pick<LedgerSubject, 'splitId' | 'cohorts' | 'units' | 'trainingUnits' | 'isDisjoint' | 'classes'> & { readonly project: Pick<LedgerSubject['project'], 'epsilonLimit'> };

/** Whether the held-out part can be charged for the score that may leave, beside the training of a run of this plan; a run leaves out what it cannot. */
export function scoreFits(ledger: Ledger, { project, splitId, cohorts, units, trainingUnits, isDisjoint, classes }: ScoredSubject, plan: PrivatePlan): boolean {
  if (plan.validationEpsilon === null) return true;
  if (!isDisjoint) return false;
  const known = ledger.preview(cohorts).budget(splitId);
  const delta = Math.min(plan.delta, known?.delta ?? defaultDelta(units));
  const state = ledger.preview([...cohorts, { kind: 'budget', id: 'forecast', cohortIds: cohorts.map(({ cohortId }) => cohortId), epsilonLimit: known?.epsilonLimit ?? project.epsilonLimit, delta }]);
  return state.refusal(splitId, { training: plannedCharges(plan, trainingUnits, classes), 'held-out': heldOutCharges(plan) }) === null;
}
