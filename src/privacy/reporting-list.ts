/**
 * What a report of a private model must say, by Ponomareva et al., "How to DP-fy ML" (arXiv 2303.00654), on reporting guarantees, and the lines of our statement
 * that say it. `reporting-list.test.ts` holds statements of every kind to it.
 */
import type { StatementLine } from './statement-lines.ts';

export interface ReportingItem {
  readonly part: 'setting' | 'definition' | 'accounting' | 'verifiability';
  readonly asks: string;
  readonly saidIn: readonly StatementLine[];
  /** Lines that say it where a search was made. */
  readonly saidOfSearchIn?: readonly StatementLine[];
}

export const reportingList: readonly ReportingItem[] = [
  { part: 'setting', asks: 'central, local or another model of trust', saidIn: ['setting'] },
  { part: 'definition', asks: 'which data accesses are covered, and which are not', saidIn: ['accesses', 'not-covered', 'public'] },
  { part: 'definition', asks: "what the mechanism's output is: the last model alone, or all steps", saidIn: ['output'] },
  { part: 'definition', asks: 'the unit of privacy', saidIn: ['unit'] },
  { part: 'definition', asks: 'the adjacency of neighbouring data sets', saidIn: ['adjacency', 'replace-one'] },
  { part: 'accounting', asks: 'the type of accounting, and its settings', saidIn: ['accountant', 'clip', 'noise', 'steps'] },
  { part: 'accounting', asks: 'what the accounting assumes, and whether the training does so', saidIn: ['sampling', 'assumptions', 'randomness'] },
  { part: 'accounting', asks: 'whether the tuning of hyper-parameters is counted', saidIn: ['not-covered'], saidOfSearchIn: ['search', 'runs', 'not-covered'] },
  { part: 'accounting', asks: 'the formal statement: epsilon and delta, and what else is claimed', saidIn: ['epsilon', 'guess', 'found'] },
  { part: 'verifiability', asks: 'whether the code is open, and by what the claim can be checked', saidIn: ['verifying'] },
];
