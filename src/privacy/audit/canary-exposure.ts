/** How far a planted secret stands out among its like (Carlini et al. 2019, arXiv 1802.08232). */
import { clopperPearsonInterval } from '../../ground/statistics.ts';
import { checkConfidence, checkScores } from './audit-errors.ts';

export interface Exposure {
  /** In bits: log2 of the candidates over the canary's rank. Nothing was learnt of it: below 1 for every second canary. */
  readonly bits: number;
  /** 1 for the best. */
  readonly rank: number;
  readonly candidates: number;
  /** Bits that a sample of candidates leaves possible: exact binomial interval of the share that scores as well. The upper end is Infinity where none did. */
  readonly low: number;
  readonly high: number;
}

/**
 * Exposure of one canary from its loss and those of other candidates of the same form, drawn from the space that the canary was drawn from and never trained on.
 * Definition 2 there with the candidates seen, the canary among them; ties rank the canary last, which understates it.
 */
export function canaryExposure(canaryLoss: number, candidateLosses: ArrayLike<number>, confidence = 0.95): Exposure {
  checkScores('The canary', [canaryLoss]);
  checkScores('The candidates', candidateLosses);
  checkConfidence(confidence);
  let asGood = 0;
  for (let index = 0; index < candidateLosses.length; index++) if (candidateLosses[index]! <= canaryLoss) asGood++;
  const candidates = candidateLosses.length + 1;
  const rank = asGood + 1;
  const share = clopperPearsonInterval(asGood, candidateLosses.length, confidence);
  return { bits: Math.log2(candidates / rank), rank, candidates, low: -Math.log2(share.high), high: -Math.log2(share.low) };
}
