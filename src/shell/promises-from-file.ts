/** The promises of a project file's runs: worked out anew before anything of the file is taken in. */
import type { LedgerEvent } from '../privacy/events.ts';
import { KnownBounds } from '../privacy/known-bounds.ts';
import { chargesOfRun, epsilonOf, type ChargedParts } from '../training/charged-parts.ts';
import { isPrivate, noiseLawOf } from '../training/plan.ts';
import { checkCharges, otherUnit, toldStatement } from '../training/told-statement.ts';
import type { ProjectFile } from './project-file-format.ts';
import type { ResultsRecord, RunRecord } from './records.ts';

/** What a run's line says of epsilon. */
type Spent = Pick<RunRecord, 'epsilonRun' | 'epsilonModel'>;

const nothing: ChargedParts = { training: [], heldOut: [] };

/** A plan that says persons where the charges were for rows would promise each person what was paid for a row. @throws `project/promise-of-another-unit` */
function checkUnit({ id, number, plan }: RunRecord, events: readonly LedgerEvent[]): void {
  const unitOf = new Map(events.flatMap((event) => (event.kind === 'cohort' ? [[event.cohortId, event.unit] as const] : [])));
  for (const event of events) {
    const charged = event.kind === 'charge' && event.runId === id ? unitOf.get(event.cohortId) : undefined;
    if (charged !== undefined && charged !== plan.unit) throw otherUnit(number, plan.unit, charged);
  }
}

/** Of a run that has no statement of a promise: what its line says, and at least what the file's ledger says that it, and what led to it, was charged. */
function spentWithoutStatement({ number, plan, epsilonRun, epsilonModel, inherited = [] }: RunRecord, { training }: ChargedParts): Spent {
  if (!isPrivate(plan)) return { epsilonRun: null };
  noiseLawOf(plan);
  const atLeast = (told: number | null, charges: ChargedParts['training']) => Math.max(told ?? 0, epsilonOf(charges, plan.delta, new KnownBounds()) ?? 0);
  return { epsilonRun: atLeast(epsilonRun, training), ...(epsilonModel === undefined ? {} : { epsilonModel: atLeast(epsilonModel, [...checkCharges(number, inherited), ...training]) }) };
}

function promised(file: ProjectFile, run: RunRecord, record: ResultsRecord, charged: ChargedParts): { readonly spent: Spent; readonly record: ResultsRecord } {
  const { results } = record;
  const { releasedAccuracy } = results;
  const statement = toldStatement({
    number: run.number, plan: run.plan, stepsDone: run.stepsDone, ...(run.facts ? { facts: run.facts } : {}), statement: results.statement,
    scoreEpsilon: releasedAccuracy?.epsilon ?? null, charged, inherited: run.inherited ?? [], model: file.models.find(({ runId }) => runId === run.id)?.model ?? null,
  });
  const spent: Spent = statement.isPrivate
    ? { epsilonRun: statement.continues?.epsilonAlone ?? statement.epsilon, ...(statement.continues ? { epsilonModel: statement.epsilon } : {}) }
    : spentWithoutStatement(run, charged);
  // A score that nothing was charged for may not leave.
  const released = releasedAccuracy && statement.isPrivate && statement.validation ? { ...releasedAccuracy, epsilon: statement.validation.epsilon } : null;
  // The line says a second time what the run's own record says: what it is called and was trained by is the record's.
  const { epsilonModel: _, pooled: __, ...line } = results.run;
  const own = { ...line, ...spent, plan: run.plan, ...(run.pooled ? { pooled: run.pooled } : {}) };
  return { spent, record: { ...record, results: { ...results, run: own, releasedAccuracy: released, statement } } };
}

/**
 * The file with the statement of every run worked out from the releases that the file names, by the code of runs that are made here (`toldStatement`), and the figures that follow from it.
 * A model that came back from a federation is held to its own list alone: the federation's charges go on after it.
 * @throws what `toldStatement` throws, before anything was taken in.
 */
export function withPromisesOfOwn(file: ProjectFile): ProjectFile {
  const events = [...file.ledger.cohorts.map(({ event }) => event), ...file.ledger.events];
  const ended = file.runs.map((run) => {
    if (!run.pooled) checkUnit(run, events);
    const charged = run.pooled ? nothing : chargesOfRun(events, run.id);
    const found = file.results.find(({ runId }) => runId === run.id);
    const { epsilonModel: _, ...line } = run;
    if (!found) return { run: { ...line, ...spentWithoutStatement(run, charged) }, records: [] };
    const { spent, record } = promised(file, run, found, charged);
    return { run: { ...line, ...spent }, records: [record] };
  });
  return { ...file, runs: ended.map(({ run }) => run), results: ended.flatMap(({ records }) => records) };
}
