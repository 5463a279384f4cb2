/**
 * Auditing in one training run (Steinke, Nasr & Jagielski 2023, arXiv 2305.08846): each of m canaries is put in by a secret coin, the model is trained once,
 * and the auditor guesses coins from scores. If the training is (epsilon, delta)-private, right guesses are hardly more frequent than
 * independent ones with chance exp(epsilon) / (1 + exp(epsilon)). Too many falsify the claim; few prove nothing.
 */
import { checkInteger, checkNonNegative, checkProbability } from '../../ground/check.ts';
import { lnGamma, normalCdf, normalQuantile } from '../../ground/special.ts';
import { gaussianMu } from '../gaussian.ts';
import { checkConfidence, checkSameLength, checkScores } from './audit-errors.ts';

export interface OneRunGuesses {
  /** Canaries with a coin, m. */
  readonly canaries: number;
  /** Coins guessed, r; for the others the auditor abstains. */
  readonly guesses: number;
  /** Right guesses, v. */
  readonly correct: number;
}

/**
 * Guesses "in" for the canaries with the highest scores and "out" for those with the lowest. How many of each must be fixed before the coins are looked at.
 * Ties fall as they stand in the list, which must not be sorted by coin.
 */
export function guessCoins(scores: ArrayLike<number>, isIn: ArrayLike<boolean>, guessesIn: number, guessesOut: number): OneRunGuesses {
  checkScores('The canaries', scores);
  checkSameLength('scores', scores, 'coins', isIn);
  const canaries = scores.length;
  checkInteger('guesses "in"', guessesIn, 0, canaries);
  checkInteger('guesses "out"', guessesOut, 0, canaries - guessesIn);
  const order = Array.from({ length: canaries }, (_, index) => index).sort((a, b) => scores[b]! - scores[a]!);
  let correct = 0;
  for (let place = 0; place < guessesIn; place++) if (isIn[order[place]!]!) correct++;
  for (let place = canaries - guessesOut; place < canaries; place++) if (!isIn[order[place]!]!) correct++;
  return { canaries, guesses: guessesIn + guessesOut, correct };
}

function checkGuesses({ canaries, guesses, correct }: OneRunGuesses): void {
  checkInteger('canaries', canaries, 1);
  checkInteger('guesses', guesses, 0, canaries);
  checkInteger('right guesses', correct, 0, guesses);
}

/** ln of total! / (k! (total - k)!), k = 0 to total. */
function logChooseAll(total: number): Float64Array {
  const logFactorial = Float64Array.from({ length: total + 1 }, (_, k) => lnGamma(k + 1));
  return logFactorial.map((one, k) => logFactorial[total]! - one - logFactorial[total - k]!);
}

/**
 * Chance, at most, of `correct` or more right guesses if the training is (epsilon, delta)-private (theorem 5.2 there):
 * P[B >= v] + 2 m delta max_i P[v - i <= B < v] / i, B binomial(r, exp(epsilon) / (1 + exp(epsilon))).
 */
export function oneRunPValue(found: OneRunGuesses, epsilon: number, delta: number): number {
  checkGuesses(found);
  checkNonNegative('epsilon', epsilon);
  checkProbability('delta', delta);
  return pValue(found, epsilon, delta, logChooseAll(found.guesses));
}

function pValue({ canaries, guesses, correct }: OneRunGuesses, epsilon: number, delta: number, logChoose: Float64Array): number {
  const logYes = -Math.log1p(Math.exp(-epsilon));
  const probabilityOf = (k: number) => Math.exp(logChoose[k]! + guesses * logYes - (guesses - k) * epsilon);
  let tail = 0;
  for (let k = guesses; k >= correct; k--) tail += probabilityOf(k);
  let below = 0;
  let steepest = 0;
  for (let i = 1; i <= correct && delta > 0; i++) {
    below += probabilityOf(correct - i);
    steepest = Math.max(steepest, below / i);
  }
  return Math.min(1, tail + 2 * canaries * delta * steepest);
}

/** The largest epsilon up to which `isFalsified` holds, given that it then fails: 0 where it fails at once. Errs downwards. */
function largestFalsified(isFalsified: (epsilon: number) => boolean): number {
  if (!isFalsified(0)) return 0;
  let high = 1;
  while (isFalsified(high) && high < 512) high *= 2;
  let low = high === 1 ? 0 : high / 2;
  while (high - low > 1e-8 * high) {
    const middle = (low + high) / 2;
    if (isFalsified(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Epsilon is at least this, with `confidence`. With 2 m delta <= 1 the chance above rises with epsilon (each of its terms is a positive combination of
 * P[B >= v] and P[B >= v - i]), so a bisection finds where it crosses; with more, delta leaves nothing to conclude and the answer is 0.
 */
export function oneRunEpsilon(found: OneRunGuesses, delta: number, confidence = 0.95): number {
  checkGuesses(found);
  checkConfidence(confidence);
  checkProbability('delta', delta);
  if (2 * found.canaries * delta > 1 || found.guesses === 0) return 0;
  const logChoose = logChooseAll(found.guesses);
  return largestFalsified((epsilon) => pValue(found, epsilon, delta, logChoose) <= 1 - confidence);
}

/**
 * The sharper bound if the mechanism is known to trade errors as a Gaussian does (Mahloujifar, Melis & Chaudhuri 2024, arXiv 2410.22235, its algorithm for
 * guesses with abstention): is the claim mu = gaussianMu(epsilon, delta) consistent with v right guesses of r among m?
 * The chance of exactly k right guesses is followed downwards from v, the least mass that the tradeoff curve allows at each; a total above r / m is impossible.
 */
export function oneRunGaussianEpsilon(found: OneRunGuesses, delta: number, confidence = 0.95): number {
  checkGuesses(found);
  checkConfidence(confidence);
  checkProbability('delta', delta);
  const { canaries, guesses, correct } = found;
  if (delta === 0) return oneRunEpsilon(found, delta, confidence);
  if (guesses === 0) return 0;
  const isFalsified = (epsilon: number) => {
    const mu = gaussianMu(epsilon, delta);
    let right = ((1 - confidence) * correct) / canaries;
    let wrong = ((1 - confidence) * (guesses - correct)) / canaries;
    for (let i = correct - 1; i >= 0; i--) {
      const least = Math.max(wrong, normalCdf(normalQuantile(Math.min(1, right)) - mu));
      right += (i / (guesses - i)) * (least - wrong);
      wrong = least;
    }
    return right + wrong > guesses / canaries;
  };
  return largestFalsified(isFalsified);
}
