import { BedsideError } from '../ground/errors.ts';
import { forOwnersEyes, type Releasable } from '../privacy/doors.ts';
import { releaseAccuracy, type ReleasedAccuracy } from './charged-validation.ts';
import { distributeRows, distributeUnits, rowsAsUnits } from './distribute.ts';
import { oncePerTensor } from '../privacy/key-stream.ts';
import { checkStart } from './model-start.ts';
import { isPrivate, noiseLawOf, type Plan } from './plan.ts';
import { runDpSgd } from './run-dp-sgd.ts';
import type { RunEnd } from './run-end.ts';
import { runFullBatchHead } from './run-full-batch-head.ts';
import { runSearch } from './run-search.ts';
import { runLabelSentences } from './run-label-sentences.ts';
import { runPlainHead } from './run-plain-head.ts';
import { runPlainLora } from './run-plain-lora.ts';
import type { SessionInput, SessionOutcome } from './session-input.ts';
import { checkTrainerClips } from './trainer-check.ts';

function startError(code: string, message: string, hint: string): BedsideError {
  return new BedsideError(code, 'settings', message, hint);
}

/** At 1/N a mechanism that publishes one unit whole keeps its promise (Dwork and Roth 2014, section 2.3). */
function looseDelta(delta: number, units: number): BedsideError {
  return new BedsideError('training/loose-delta', 'settings', `delta must be below 1/${units}, one over the number of notes or people in the larger part that is charged, found ${delta}: from there on, giving one of them away whole would keep the promise. Nothing was charged.`, `Choose a delta of ${(1 / (10 * units)).toPrecision(1)} or less.`, { found: delta, units });
}

/** Whether the held-out part pays for a score that leaves, or for those that a search decides by. */
function isHeldOutCharged(plan: Plan): boolean {
  return isPrivate(plan) && (plan.validationEpsilon !== null || (plan.kind === 'full-batch-head' && Boolean(plan.search)));
}

/** What a session must be given before anything is read or charged. */
function checkInput(input: SessionInput): void {
  const { plan, labels, training, labelSentences, trainers, charges, keys, resumeFrom, runId } = input;
  if (labels.length < 2) throw startError('training/one-class', `Training needs at least 2 labels; these rows have ${labels.length}.`, 'Choose another label column.');
  if (training.length === 0) throw startError('training/no-rows', 'No row is left to train on after the held-out part was set aside.', 'Add rows, or lower the held-out share.');
  if (labelSentences.length !== labels.length) throw startError('training/sentences', `There are ${labelSentences.length} label sentences for ${labels.length} labels.`, 'Give each label one sentence; its bare name will do.');
  if (trainers.length === 0) throw startError('training/no-trainer', 'No trainer is ready.', 'Run the device check in the settings.');
  if (isPrivate(plan)) noiseLawOf(plan);
  if (isPrivate(plan) && (charges === null || keys === null)) throw startError('training/no-ledger', 'A private run needs the ledger and a fresh key.', 'Reload the page.');
  const charged = Math.max(training.length, isHeldOutCharged(plan) ? input.heldOut.length : 0);
  if (isPrivate(plan) && !(plan.delta * charged < 1)) throw looseDelta(plan.delta, charged);
  if (plan.kind === 'full-batch-head' && plan.search && input.heldOut.length === 0) throw startError('training/search-held-out', 'A search among settings needs held-out notes to choose by, and none is held out.', 'Hold a share of the notes out, or train once.');
  if (resumeFrom && (resumeFrom.runId !== runId || resumeFrom.plan.kind !== plan.kind)) throw startError('training/wrong-checkpoint', 'This checkpoint belongs to another run.', 'Start a new run.');
  checkStart(input);
}

function runPlan(input: SessionInput): Promise<RunEnd> {
  const { plan } = input;
  switch (plan.kind) {
    case 'full-batch-head':
      return plan.search ? runSearch(input, plan, plan.search) : runFullBatchHead(input, plan);
    case 'dp-sgd':
      return runDpSgd(input, plan);
    case 'plain-head':
      return runPlainHead(input, plan);
    case 'plain-lora':
    case 'plain-layers':
      return runPlainLora(input, plan);
    case 'label-sentences':
      return runLabelSentences(input, plan);
  }
}

/**
 * The guard's session: runs a plan to its end, to a stop, or to the end of the budget, and returns the released model.
 * Guarantee: whatever fails, and whenever, every release was charged durably before its noise was drawn; a run that ends early keeps the parameters of the last released step.
 * Edge cases: with `resumeFrom` the session goes on after the checkpoint's step; the interrupted step is charged and done again under the new keys.
 * @throws a `BedsideError`; checkpoints and ledger stay as they are, and the run can be resumed.
 */
export async function runSession(given: SessionInput): Promise<SessionOutcome> {
  checkInput(given);
  // A plan that protects nobody trains on rows, whatever keeps the split together.
  const training = isPrivate(given.plan) ? given.training : rowsAsUnits(given.training);
  const input = { ...given, training, keys: given.keys && oncePerTensor(given.keys) };
  const { plan, trainers } = input;
  if (isPrivate(plan)) for (const trainer of trainers) await checkTrainerClips(trainer, plan, input.labels.length);
  const shares = distributeUnits(input.training, trainers.length);
  const heldOut = distributeRows(input.heldOut.flatMap((unit) => unit.rows.map((row) => row.ids)), trainers.length);
  await Promise.all(trainers.map((trainer, i) => trainer.assign(shares[i]!, isPrivate(plan) ? plan.unit : 'row')));
  await Promise.all(trainers.map((trainer, i) => trainer.assignHeldOut(heldOut[i]!)));

  const end = await runPlan(input);
  end.run.reportPhase('evaluating', 0, 1);
  const logits = await end.score();
  let releasedAccuracy: Releasable<ReleasedAccuracy> | null = null;
  if (isPrivate(plan) && plan.validationEpsilon !== null && input.heldOut.length > 0) {
    releasedAccuracy = await releaseAccuracy(logits, input.heldOut, input.labels.length, { epsilon: plan.validationEpsilon, delta: plan.delta, noiseLaw: noiseLawOf(plan) }, end.run.privateParts(), end.stepsDone);
  }
  end.run.reportPhase('evaluating', 1, 1);
  return {
    state: end.state,
    reason: end.reason,
    stepsDone: end.stepsDone,
    steps: end.run.steps,
    elapsedSeconds: end.run.elapsedSeconds,
    model: end.model,
    heldOutLogits: forOwnersEyes(logits),
    releasedAccuracy,
    charges: end.run.charges,
  };
}
