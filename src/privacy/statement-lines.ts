/** Which facts a statement states, in which order: page and model card are made line by line of this list, each with its own words. */
import type { PrivacyStatement } from './statement.ts';

/** In the order in which they are told: what is promised, what is not, and then how it was worked out. */
export const statementLineKeys = [
  'epsilon', 'rdp', 'guess', 'found', 'search', 'continues', 'not-covered', 'validation',
  'replace-one', 'mu', 'setting', 'unit', 'adjacency', 'accesses', 'output', 'sampling', 'clip', 'noise', 'steps', 'releases', 'runs', 'accountant', 'assumptions', 'randomness', 'public', 'verifying',
] as const;
export type StatementLine = (typeof statementLineKeys)[number];

type PrivateFacts = Omit<Extract<PrivacyStatement, { isPrivate: true }>, 'lines'>;

function isStated(line: StatementLine, facts: PrivateFacts): boolean {
  switch (line) {
    case 'rdp': return facts.epsilonRdp !== undefined;
    // One number of steps at one noise multiplier says it all.
    case 'releases': return (facts.releases?.length ?? 0) > 1 || (facts.releases?.length === 1 && facts.releases[0]!.count !== facts.steps);
    case 'search': case 'runs': return facts.search !== undefined;
    case 'continues': return facts.continues !== undefined;
    case 'validation': return facts.validation !== null;
    case 'mu': return facts.mu !== null;
    default: return true;
  }
}

/** The lines of a private run's statement. */
export function statementLines(facts: PrivateFacts): readonly StatementLine[] {
  return statementLineKeys.filter((line) => isStated(line, facts));
}
