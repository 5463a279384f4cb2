import { BedsideError } from '../../ground/errors.ts';

/** Refuses scores that cannot be ordered, or none. */
export function checkScores(name: string, scores: ArrayLike<number>): void {
  if (scores.length === 0) throw new BedsideError('audit/no-scores', 'input', `${name} holds no scores; at least one is needed.`, 'Give the attack some members and some others.', { name });
  for (let index = 0; index < scores.length; index++) {
    if (Number.isNaN(scores[index]!)) throw new BedsideError('audit/score', 'input', `${name} holds a score that is no number, at position ${index}.`, 'Leave out what the model could not score.', { name, index });
  }
}

/** Refuses lists that should run side by side and do not. */
export function checkSameLength(first: string, a: ArrayLike<unknown>, second: string, b: ArrayLike<unknown>): void {
  if (a.length !== b.length) throw new BedsideError('audit/lengths', 'input', `${first} and ${second} must be of one length, found ${a.length} and ${b.length}.`, 'Pass one value a canary in both.', { first: a.length, second: b.length });
}

/** Refuses a confidence outside (0, 1). */
export function checkConfidence(confidence: number): void {
  if (!(confidence > 0 && confidence < 1)) throw new BedsideError('settings/out-of-range', 'settings', `confidence must lie between 0 and 1, found ${confidence}.`, 'Use 0.95.', { name: 'confidence', found: String(confidence) });
}
