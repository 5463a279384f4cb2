/** What a person declared of a project's notes, kept for the deals of the same rows that are made later. */
import { nameOfRows, type HashedRow } from '../privacy/cohort.ts';
import type { CohortEvent, LedgerEntry } from '../privacy/events.ts';
import type { Declaration, ProjectRecord } from './records.ts';

const names = new WeakMap<readonly HashedRow[], string>();

function nameOf(rows: readonly HashedRow[]): string {
  let name = names.get(rows);
  if (name === undefined) names.set(rows, (name = nameOfRows(rows)));
  return name;
}

/** What was declared last of exactly these rows under this installation's key; null where nothing was. Other rows and another key have other names. */
export function declarationOf({ declarations = [] }: Pick<ProjectRecord, 'declarations'>, rows: readonly HashedRow[]): Declaration | null {
  return (declarations.length > 0 && declarations.find(({ of }) => of === nameOf(rows))) || null;
}

export function withDeclaration(project: ProjectRecord, id: string, rows: readonly HashedRow[], before: number): ProjectRecord {
  const of = nameOf(rows);
  return { ...project, declarations: [...(project.declarations ?? []).filter((other) => other.of !== of), { id, of, before }] };
}

/** The last events of cohorts that the ledger knows, declared anew and otherwise as they were. */
export function declaredAnew(entries: readonly LedgerEntry[], cohortIds: ReadonlySet<string>, id: string): readonly CohortEvent[] {
  const last = new Map<string, CohortEvent>();
  for (const { event } of entries) if (event.kind === 'cohort' && cohortIds.has(event.cohortId)) last.set(event.cohortId, event);
  return [...last.values()].map(({ declaredBefore: _, ...event }) => ({ ...event, id: `${id}/${event.cohortId}/known`, isDeclaredDisjoint: true }));
}
