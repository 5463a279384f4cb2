import { roundDown, roundUp, roundUpTo } from '../ground/rounding.ts';
import type { Charge } from '../privacy/composition.ts';
import type { StatementLine } from '../privacy/statement-lines.ts';
import type { PrivacyStatement } from '../privacy/statement.ts';

type Private = Extract<PrivacyStatement, { isPrivate: true }>;

/** One fact of a promise as a model card says it. */
export interface CardLine {
  readonly line: StatementLine;
  readonly text: string;
}

const publicWords: Readonly<Record<string, string>> = {
  'row-count': 'the number of notes', 'person-count': 'the number of persons', columns: 'the columns', labels: 'the labels and their order', 'label-sentences': 'the label sentences',
  encoder: 'the base model and its tokenizer', 'maximum-length': 'the maximum length', 'split-rule': 'the rule of the split', settings: 'the settings of the plan', 'search-list': 'the list of settings that were searched, and the law of how many runs counted', 'run-count': 'the number of runs',
  'stop-step': 'the step at which training stopped', 'other-data-sets': 'which rows or persons earlier data sets of the same ledger also hold, as far as it decides what budget is left', 'code-version': 'the version of Bedside',
};
const notCoveredWords: Readonly<Record<string, string>> = {
  'hyper-parameters': 'settings chosen after looking at scores', preprocessing: 'cleaning of the rows before training', 'held-out-scores': 'exact held-out scores shown to the owner (none is in this folder)',
  'held-out-people': 'the persons held out to measure with, but for the charged score', 'held-out': 'the notes held out to measure with, but for the charged score',
  'side-channels': "what timing or power use could show to someone at the device, how long the whole run took included", 'other-copies': 'what copies of the notes spend elsewhere (a project file takes its share out of this budget; a file opened on two devices spends it twice, a changed file may claim more, and copies made in other ways are not seen)', 'edited-notes': 'notes whose wording was changed and that were then declared to be about other people: where no column names the persons, they count as new',
  'cleared-data': 'what was spent before the ledger was erased, if it was',
  'device-failure': 'a device that fails in the middle of a run: another one goes on, whose last digits differ',
  'label-sentences': 'what the label sentences say', 'sampler-error': "the noise sampler's rounding, which delta leaves out: how much it is can be told once all noise is drawn",
};
const accountantNames: Readonly<Record<Private['accountant'], string>> = { 'exact-gaussian': 'exact Gaussian', rdp: 'Rényi (RDP)', zcdp: 'concentrated (zCDP)', pld: 'privacy loss distribution (PLD)' };

/** A guarantee is never said to be smaller than it is. */
export const atMost = (value: number): string => String(roundUp(value, 3));
const atMostDelta = (value: number) => roundUp(value, 2).toExponential(1);
/** Of a share. */
const atMostPercent = (value: number) => `${(100 * roundUpTo(value, 3)).toFixed(1)} %`;
function releaseOf({ mechanism, count }: Charge): string {
  // Digits enough that epsilon is found again to five of its own, of the rate below too.
  const noise = `noise multiplier ${roundDown(mechanism.noiseMultiplier, 7)}`;
  switch (mechanism.kind) {
    case 'gaussian': return `${count} with ${noise}`;
    case 'discrete-gaussian': return `${count} of the discrete Gaussian with ${noise}`;
    case 'poisson-gaussian': return `${count} of Poisson samples, rate ${roundUp(mechanism.samplingRate, 7)}, with ${noise}`;
    case 'repeat-and-select': return `${count === 1 ? '' : `${count} times `}the best of a secret number of runs, mean ${mechanism.law.mean}, each with ${noise} in all`;
  }
}
const list = (codes: readonly string[], words: Readonly<Record<string, string>>) => codes.map((code) => `\n  - ${words[code] ?? code}`).join('');

/** The facts of a private statement in its order. English whatever the page's language is, as cards on model hubs are. */
export function cardLines(statement: Private): readonly CardLine[] {
  const { unit, search, continues, validation } = statement;
  const [one, many] = unit === 'row' ? ['note', 'notes'] : ['person', 'persons'];
  const textOf = (line: StatementLine): string => {
    switch (line) {
      case 'epsilon': return `**epsilon is at most ${atMost(statement.epsilon)} at delta ${atMostDelta(statement.deltaInAll ?? statement.delta)}** for each ${one}: an upper bound.`;
      case 'rdp': return statement.epsilonRdp === undefined ? '' : `Rényi accounting (RDP) says epsilon at most ${atMost(statement.epsilonRdp)} of the same releases, an upper bound as well.`;
      case 'guess': return `Someone guessing at even odds whether a ${one} is in the data is right at most ${Math.round(100 * roundUpTo(statement.guessingBound, 2))} times in 100.`;
      case 'found': return `At 1 % false alarms an attacker finds at most ${atMostPercent(statement.foundAtOnePercent)} of the ${many} that are in the data.`;
      case 'search': return search ? `Settings from a public list of ${search.candidates} were tried in a secret number of runs, and the best run was kept. Epsilon pays for all runs and for the choice; one run with its noise would cost epsilon ${atMost(search.epsilonOfOne)} by itself.` : '';
      case 'continues': return continues ? `This covers all runs that led to the model; the last by itself is charged epsilon ${atMost(continues.epsilonAlone)}.` : '';
      case 'not-covered': return `Not covered by epsilon:${list(statement.notCovered, notCoveredWords)}`;
      case 'validation': return validation ? `The ${many} held out to measure with are charged on their own: epsilon at most ${atMost(validation.epsilon)}, not added to the training's.` : '';
      case 'replace-one': return `If a neighbour replaces a ${one} by another: epsilon at most ${atMost(statement.epsilonReplaceOne)}${statement.deltaReplaceOne === undefined ? '' : ` at delta ${atMostDelta(statement.deltaReplaceOne)}`}.`;
      case 'mu': return statement.mu === null ? '' : `All releases together: one Gaussian of mu at most ${atMost(statement.mu)}.`;
      case 'setting': return 'Trust: central privacy on one device. Noise is added on the device that holds the notes, before anything leaves it.';
      case 'unit': return `Unit: ${unit === 'row' ? 'one note' : 'one person, with all notes of theirs'}.`;
      case 'adjacency': return `Adjacency: zero-out; the model is compared with one made while all that one ${one} adds is set to zero. The number of ${many} is not hidden.`;
      case 'accesses': return 'Covered: all that training reads of the notes and labels it trains on, but for the list above.';
      case 'output': return search ? "Output: the best run's model and every noisy sum of that run; nothing of the others." : 'Output: the model and every noisy sum on the way to it.';
      case 'sampling': return `Sampling: ${statement.sampling === 'full-batch' ? 'every unit in every step' : `Poisson, rate ${roundUp(statement.samplingRate, 4)}, secret`}.`;
      case 'clip': return `Clip norm: ${statement.clipNorm}.`;
      case 'noise': return `Noise multiplier: ${roundDown(statement.noiseMultiplier, 4)} a step${continues ? ' of the last run' : ''}.`;
      case 'steps': return `Steps: ${statement.steps}.`;
      case 'releases': return `Releases that epsilon is worked out from: ${(statement.releases ?? []).map(releaseOf).join('; ')}.`;
      case 'runs': return search ? `Runs: a secret number, Poisson with mean ${search.meanRuns}; ${search.runsMade} are made in any case.` : '';
      case 'accountant': return `Accountant: ${accountantNames[statement.accountant]}, ${statement.accountantSettings}.`;
      case 'assumptions': return `Assumptions: ${statement.sampling === 'full-batch' ? 'every unit takes part in every step and is clipped by itself, as the training does; no draw of a batch makes epsilon smaller' : 'each unit is drawn for a step by itself, in secret, and a batch is never cut to a size, as the training does'}.`;
      case 'randomness': return `Noise: ${statement.noiseLaw ? 'discrete Gaussian, drawn exactly, ' : ''}${statement.isSecureNoise ? 'from a secure generator, keys never stored' : 'NOT from a secure generator'}${statement.samplerDelta === undefined ? '' : `; ${search ? 'its rounding, if any, and the cut of the law of how many runs count add' : 'its rounding adds'} at most ${atMostDelta(statement.samplerDelta)} to delta${statement.deltaInAll === undefined ? '' : ', which is counted above'}`}.`;
      case 'public': return `Treated as public:${list(statement.publicFacts, publicWords)}`;
      case 'verifying': return "To check: the code is open; its accountants are held to those of other libraries (`npm run -s goldens`), and the owner's ledger lists every charge.";
    }
  };
  return statement.lines.map((line) => ({ line, text: textOf(line) }));
}
