import type { Dataset } from '../data/table.ts';
import { errorToPlain } from '../ground/errors.ts';
import { agreementFigures } from '../federation/agreement.ts';
import type { FederationStatus } from '../federation/status.ts';
import type { Task, TaskHead } from '../federation/task.ts';
import type { Charge } from '../privacy/composition.ts';
import type { LedgerEntry, PrivacyUnit } from '../privacy/events.ts';
import type { Ledger } from '../privacy/ledger.ts';
import { federatedPlan } from '../training/federated-task.ts';
import { federationOutlook } from '../training/federation-outlook.ts';
import type { FullBatchHeadPlan } from '../training/plan.ts';
import { defaultHeldOutShare } from '../training/propose.ts';
import type { BedsideDatabase } from './database.ts';
import { columnsNotConfirmed, looseDelta, noHead, otherBaseModel, otherLabels, otherNotes, otherUnit } from './federation-errors.ts';
import type { ChargedRounds } from './federation-membership.ts';
import { federationRunId } from './federation-source.ts';
import type { FederationFit } from './federation.service.ts';
import type { LedgerKeeper, LedgerSubject } from './ledger-keeper.ts';
import { readDataset, readProject } from './projects.ts';
import type { ProjectRecord } from './records.ts';

export interface FitParts {
  readonly database: BedsideDatabase;
  readonly ledger: LedgerKeeper;
  /** SHA-256 of the base model that is here. */
  readonly baseModel: string;
}

/** A project's notes as a task takes them. */
export interface Participant {
  readonly project: ProjectRecord;
  readonly dataset: Dataset;
  readonly subject: LedgerSubject;
  readonly plan: FullBatchHeadPlan;
  readonly head: TaskHead;
}

/** The task as a plan of the app's own, with the held-out part that every run leaves out: it judges the model that comes back. */
export function participantPlan(task: Task, head: TaskHead, unit: PrivacyUnit): FullBatchHeadPlan {
  return { ...federatedPlan(task, head, unit), heldOutShare: defaultHeldOutShare };
}

/**
 * Holds a project to a task. Each of its labels must be one of the task's; it need not have them all: which it lacks stays here.
 * @throws why it does not fit.
 */
export async function participantOf({ database, ledger, baseModel }: FitParts, projectId: string, task: Task): Promise<Participant> {
  const { head } = task;
  if (head === undefined) throw noHead();
  if (task.baseModel !== baseModel) throw otherBaseModel(task.baseModel.slice(0, 12), baseModel.slice(0, 12));
  const project = await readProject(database, projectId);
  if (project.noteCount === null) throw columnsNotConfirmed();
  const dataset = await readDataset(database, projectId);
  const strangers = dataset.labels.filter((label) => !task.labels.includes(label)).length;
  if (strangers > 0) throw otherLabels(strangers, dataset.labels.length);
  const unit = dataset.personColumn === null ? 'row' : 'person';
  if (task.unit !== 'participant' && unit !== task.unit) throw otherUnit(task.unit === 'row' ? 'note' : 'person', unit === 'row' ? 'note' : 'person');
  const plan = participantPlan(task, head, unit);
  return { project, dataset, plan, head, subject: await ledger.subject(project, plan, dataset) };
}

/**
 * Holds notes that fit a task to what their owner may be promised by it.
 * @throws where δ is too large for so few units; and where rounds of this federation were charged for other units: more of them would be declined, because a model and its statement speak of one data set.
 */
export async function checkMayTakePart({ ledger }: { readonly ledger: { ledger(): Promise<Pick<Ledger, 'entries'>> } }, { task, taskHash }: { readonly task: Pick<Task, 'delta'>; readonly taskHash: string }, { subject, plan }: { readonly subject: Pick<LedgerSubject, 'cohorts' | 'trainingUnits'>; readonly plan: Pick<FullBatchHeadPlan, 'unit'> }): Promise<void> {
  if (task.delta * subject.trainingUnits >= 1) throw looseDelta(task.delta, subject.trainingUnits, plan.unit === 'row' ? 'note' : 'person');
  const runId = federationRunId(taskHash);
  const isOther = ({ event }: LedgerEntry) => event.kind === 'charge' && event.runId === runId && subject.cohorts.every(({ cohortId }) => cohortId !== event.cohortId);
  if ((await ledger.ledger()).entries.some(isOther)) throw otherNotes();
}

/** Whether and how far a project's notes may take part, before anything is sent or charged. `charged`: rounds of this federation that the ledger has already. */
export async function fitOf(parts: FitParts, projectId: string, { task, taskHash }: { readonly task: Task; readonly taskHash: string }, status: FederationStatus, charged: ChargedRounds): Promise<FederationFit> {
  let participant: Participant;
  try {
    participant = await participantOf(parts, projectId, task);
    await checkMayTakePart(parts, { task, taskHash }, participant);
  } catch (error) {
    const { code, message, hint, values } = errorToPlain(error);
    return { projectId, failure: { code, message, hint, values }, units: 0, rows: 0, heldOutRows: 0, budget: null, epsilonAfter: null, roundsThatFit: 0, outlook: null };
  }
  const { project, subject, plan } = participant;
  const { ledger } = parts;
  const roundsLeft = Math.max(0, task.rounds - charged.size);
  const after = (rounds: number) => ledger.afterRun(project, plan, roundsOf(task, rounds));
  const { epsilonTrainingAfter, fitsBudget } = await after(roundsLeft);
  return {
    projectId, failure: null,
    units: subject.trainingUnits, rows: subject.split.training.length, heldOutRows: subject.split.heldOut.length,
    budget: await ledger.budgetOf(project),
    epsilonAfter: epsilonTrainingAfter,
    roundsThatFit: fitsBudget ? roundsLeft : await mostThatFit(roundsLeft, async (rounds) => (await after(rounds)).fitsBudget),
    outlook: federationOutlook({ unit: task.unit, participants: Math.max(status.participants.needed, status.participants.enrolled), unitsEach: subject.trainingUnits, classes: task.labels.length, epsilon: agreementFigures(task).epsilonTotal, rounds: task.rounds, delta: task.delta }),
  };
}

function roundsOf(task: Task, count: number): readonly Charge[] {
  return count === 0 ? [] : [{ mechanism: { kind: 'gaussian', noiseMultiplier: task.noiseMultiplier }, count }];
}

/** Largest number below `tooMany` that fits: what fits falls with the number. */
async function mostThatFit(tooMany: number, fits: (rounds: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [0, tooMany];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
