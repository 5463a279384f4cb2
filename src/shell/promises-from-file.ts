/** The promises of a project file's runs: worked out anew before anything of the file is taken in. */
import { KnownBounds } from '../privacy/known-bounds.ts';
import { chargesOfRun, epsilonOf, type ChargedParts } from '../training/charged-parts.ts';
import { isPrivate, noiseLawOf } from '../training/plan.ts';
import { toldStatement } from '../training/told-statement.ts';
import type { ProjectFile } from './project-file-format.ts';
import type { ResultsRecord, RunRecord } from './records.ts';

/** What a run's line says of epsilon. */
type Spent = Pick<RunRecord, 'epsilonRun' | 'epsilonModel'>;

const nothing: ChargedParts = { training: [], heldOut: [] };

/** Of a run that has no results: what its line says, and at least what the file's ledger says that it was charged. */
function spentWithoutResults({ plan, epsilonRun }: RunRecord, { training }: ChargedParts): Spent {
  if (!isPrivate(plan)) return { epsilonRun };
  noiseLawOf(plan);
  return { epsilonRun: Math.max(epsilonRun ?? 0, epsilonOf(training, plan.delta, new KnownBounds()) ?? 0) };
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
    : { epsilonRun: run.epsilonRun };
  const released = releasedAccuracy && statement.isPrivate && statement.validation ? { ...releasedAccuracy, epsilon: statement.validation.epsilon } : releasedAccuracy;
  return { spent, record: { ...record, results: { ...results, run: { ...results.run, ...spent }, releasedAccuracy: released, statement } } };
}

/**
 * The file with the statement of every run worked out from the releases that the file names, by the code of runs that are made here (`toldStatement`), and the figures that follow from it.
 * A model that came back from a federation is held to its own list alone: the federation's charges go on after it.
 * @throws what `toldStatement` throws, before anything was taken in.
 */
export function withPromisesOfOwn(file: ProjectFile): ProjectFile {
  const events = [...file.ledger.cohorts.map(({ event }) => event), ...file.ledger.events];
  const ended = file.runs.map((run) => {
    const charged = run.pooled ? nothing : chargesOfRun(events, run.id);
    const found = file.results.find(({ runId }) => runId === run.id);
    if (!found) return { run: { ...run, ...spentWithoutResults(run, charged) }, records: [] };
    const { spent, record } = promised(file, run, found, charged);
    return { run: { ...run, ...spent }, records: [record] };
  });
  return { ...file, runs: ended.map(({ run }) => run), results: ended.flatMap(({ records }) => records) };
}
