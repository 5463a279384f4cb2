import { roundDown, roundUp, roundUpTo } from '../../ground/rounding.ts';
import type { Charge } from '../../privacy/composition.ts';
import type { StatementLine } from '../../privacy/statement-lines.ts';
import type { PrivacyStatement } from '../../privacy/statement.ts';
import type { Words } from '../words/en.ts';

type Private = Extract<PrivacyStatement, { isPrivate: true }>;
type Figure = keyof Words['privacy']['facts']['labels'];

/** One fact of a promise: a sentence, or a figure with its name. What is not covered is a list, and has its own place on the page. */
export interface PromiseLine {
  readonly line: StatementLine;
  readonly label: string | null;
  readonly text: string;
}

/** Shares of people are shown as whole times in 100, rounded up. */
const times = (bound: number) => Math.round(roundUpTo(bound, 2) * 100);
const isFigure = (line: StatementLine, labels: Words['privacy']['facts']['labels']): line is Figure => line in labels;

function settingsOf({ settings, accountantSettings }: Private, { facts }: Words['privacy']): string {
  switch (settings?.accountant) {
    case 'pld': return facts.settings.pld(settings.gridNats, settings.guardShare);
    case 'rdp': return facts.settings.rdp(settings.leastOrder, settings.greatestOrder, settings.bestOrder, settings.isOrderAtEdge);
    case 'exact-gaussian': case 'zcdp': return facts.settings[settings.accountant];
    // An older version kept its own words alone.
    default: return accountantSettings;
  }
}

/** Noise is never said to be more than it is, nor a rate to be less; by so many digits that epsilon is found again to five of its own. */
function releaseOf({ mechanism, count }: Charge, w: Words['privacy']['facts']['releases'], f: Words['format']): string {
  const noise = f.exact(roundDown(mechanism.noiseMultiplier, 7));
  switch (mechanism.kind) {
    case 'gaussian': case 'discrete-gaussian': return w[mechanism.kind](count, noise);
    case 'poisson-gaussian': return w['poisson-gaussian'](count, noise, f.exact(roundUp(mechanism.samplingRate, 7)));
    case 'repeat-and-select': return w['repeat-and-select'](count, noise, mechanism.law.mean);
  }
}

/** The facts of a private statement in its order, in the words of a language. */
export function promiseLines(statement: Private, w: Words['privacy'], f: Words['format']): readonly PromiseLine[] {
  const { unit, search, continues, validation } = statement;
  const { facts } = w;
  const named = (codes: readonly string[], words: Readonly<Record<string, string>>) => f.list(codes.map((code) => words[code] ?? code));
  const textOf = (line: StatementLine): string => {
    switch (line) {
      case 'epsilon': return w.headline(statement.epsilon, statement.deltaInAll ?? statement.delta);
      case 'rdp': return statement.epsilonRdp === undefined ? '' : w.besideRdp(statement.epsilonRdp);
      case 'guess': return w.guess[unit](times(statement.guessingBound));
      case 'found': return w.found[unit](roundUpTo(statement.foundAtOnePercent, 3));
      case 'search': return search ? w.search(search.meanRuns, search.candidates, search.epsilonOfOne) : '';
      case 'continues': return continues ? w.continues(continues.runNumber, continues.epsilonAlone) : '';
      case 'not-covered': return `${w.notCoveredLead}${w.listed(named(statement.notCovered, w.notCovered))}`;
      case 'validation': return !validation ? '' : search ? w.searchValidation(validation.epsilon) : w.validation(validation.epsilon);
      case 'replace-one': return `${facts.atMost(f.epsilon(statement.epsilonReplaceOne))}${statement.deltaReplaceOne === undefined ? '' : facts.atDelta(statement.deltaReplaceOne)}`;
      case 'mu': return statement.mu === null ? '' : facts.atMost(f.rate(roundUpTo(statement.mu, 3), 3));
      case 'setting': return facts.central;
      case 'unit': return facts.units[unit];
      case 'adjacency': return facts.zeroOut[unit];
      case 'accesses': return facts.accessesValue;
      case 'output': return search ? facts.outputOfBest : facts.outputOfAll;
      case 'sampling': return statement.sampling === 'full-batch' ? facts.fullBatch : facts.poisson(f.exact(roundUp(statement.samplingRate, 4)));
      case 'clip': return f.short(statement.clipNorm);
      case 'noise': return f.noise(statement.noiseMultiplier);
      case 'steps': return f.count(statement.steps);
      case 'releases': return f.list((statement.releases ?? []).map((release) => releaseOf(release, facts.releases, f)));
      case 'runs': return search ? facts.searchValue(search.meanRuns, search.runsMade) : '';
      case 'accountant': return facts.accountantValue(facts.accountants[statement.accountant], settingsOf(statement, w));
      case 'assumptions': return facts.assumptions[statement.sampling];
      case 'randomness': return `${statement.noiseLaw ? facts.discrete : ''}${statement.isSecureNoise ? facts.secureYes : facts.secureNo}${statement.samplerDelta === undefined ? '' : (search ? facts.searchDelta : facts.samplerDelta)(statement.samplerDelta, statement.deltaInAll !== undefined)}`;
      case 'public': return named(statement.publicFacts, w.publicFacts);
      case 'verifying': return facts.verifyingValue;
    }
  };
  return statement.lines.map((line) => ({ line, label: isFigure(line, facts.labels) ? facts.labels[line] : null, text: textOf(line) }));
}
