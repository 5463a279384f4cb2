import { rowsInside } from '../data/row-problems.ts';
import type { Dataset, RowProblem } from '../data/table.ts';
import type { BudgetReport, DatasetView, ProjectSummary, RunSummary, UnreadableRows } from './bedside.service.ts';
import type { ProjectRecord, RunRecord } from './records.ts';

/** Rows and problems that the page gets to see of a data set. */
const shownRows = 50;
/** More labels than this are a column of names or numbers that was taken for labels: the page says so and shows the first ones. */
export const shownLabels = 10_000;
const shownRareClasses = 50;

export function viewOfDataset(dataset: Dataset): DatasetView {
  const { notes, problems, ...rest } = dataset;
  const counts = new Map<DatasetView['problemCounts'][number]['code'], number>();
  for (const { code } of problems) counts.set(code, (counts.get(code) ?? 0) + 1);
  return {
    ...rest,
    labels: rest.labels.slice(0, shownLabels),
    classes: rest.classes.slice(0, shownLabels),
    rareClasses: rest.rareClasses.slice(0, shownRareClasses),
    labelCount: rest.labels.length,
    rareClassCount: rest.rareClasses.length,
    noteCount: notes.length,
    personCount: dataset.personColumn === null ? null : new Set(notes.map((note) => note.person)).size,
    firstNotes: notes.slice(0, shownRows),
    problemCount: problems.length,
    problemCounts: [...counts].map(([code, count]) => ({ code, count })),
    firstProblems: problems.slice(0, shownRows),
  };
}

export function unreadableRows(problems: readonly RowProblem[]): UnreadableRows {
  const bySize = problems.toSorted((a, b) => rowsInside(b) - rowsInside(a) || a.row - b.row);
  return { count: problems.length, rows: problems.reduce((sum, problem) => sum + rowsInside(problem), 0), first: bySize.slice(0, shownRows).map((problem) => ({ ...problem, cells: [] })) };
}

export function summaryOfRun(run: RunRecord): RunSummary {
  const { id, number, state, plan, startedAtMs, seconds, stepsDone, steps, epsilonRun, energyWh, carbonGrams, accuracy, macroF1 } = run;
  return { id, number, state, plan, startedAtMs, seconds, stepsDone, steps, epsilonRun, energyWh, carbonGrams, accuracy, macroF1, hasModel: state === 'finished' || state === 'stopped', ...(run.epsilonModel === undefined ? {} : { epsilonModel: run.epsilonModel }), ...(run.isFromFile ? { isFromFile: true } : {}), ...(run.pooled ? { pooled: run.pooled } : {}), ...(run.checkedDevice ? { checkedDevice: run.checkedDevice } : {}) };
}

/** A project's line on the start page; the best recent run is the last one that was scored. */
export function summaryOfProject(record: ProjectRecord, runs: readonly RunRecord[], budget: BudgetReport | null): ProjectSummary {
  const scored = runs.filter((run) => run.accuracy !== null).sort((a, b) => a.number - b.number).at(-1);
  const energyWh = runs.reduce((sum, run) => ({ low: sum.low + run.energyWh.low, central: sum.central + run.energyWh.central, high: sum.high + run.energyWh.high }), { low: 0, central: 0, high: 0 });
  return {
    id: record.id,
    name: record.name,
    noteCount: record.noteCount ?? record.rowCount,
    isSynthetic: record.isSynthetic,
    openedAtMs: record.openedAtMs,
    accuracy: scored?.accuracy ?? null,
    budget,
    energyWh: runs.length > 0 ? energyWh : null,
  };
}
