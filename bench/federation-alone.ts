import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { isPrivate } from '../src/training/plan.ts';
import { planOfKind } from '../src/training/propose.ts';
import type { ChargePort } from '../src/training/session-input.ts';
import { trainOnce } from '../src/training/train-once.ts';
import type { TokenizedUnit } from '../src/training/trainer.ts';
import { delta } from './federation-run.ts';
import type { FederationSet, Scores } from './federation-set.ts';

const countsForNobody: ChargePort = { charge: () => Promise.resolve() };
/** Fewer rows of several labels than this is nothing to train on, whoever tries. */
const mostRows = 1000;

/** One device that trains by itself with the whole epsilon, by the plan that the app has for its notes; without noise the plain head. */
export async function trainAlone(set: FederationSet, training: readonly TokenizedUnit[], epsilon: number | null, seed: number): Promise<Scores> {
  const facts = {
    trainingUnits: training.length, trainingRows: training.length, heldOutUnits: 0, heldOutRows: 0, classes: set.labels.length, unit: 'row' as const,
    encoderLayers: set.shape.layers, maximumLength: set.maximumLength, heldOutShare: 0, seed, epsilon: epsilon ?? 1, delta,
  };
  const plan = epsilon === null ? planOfKind('plain-head', facts) : { ...planOfKind('full-batch-head', facts), validationEpsilon: null };
  const { outcome } = await trainOnce({
    plan, labels: set.labels, training, heldOut: [], labelSentences: set.sentenceIds, trainers: [set.openTrainer()], clock: () => performance.now(),
    charges: isPrivate(plan) ? countsForNobody : null, keys: isPrivate(plan) ? createNodeKeyStream() : null,
  });
  if (outcome.model.kind !== 'head') throw new Error('Expected a head.');
  return set.score(outcome.model);
}

/** Which clients of a split train alone: as many as come to about a thousand rows, 2 at least and 10 at most, evenly from the smallest to the largest. */
export function chosenAlone(shares: readonly (readonly TokenizedUnit[])[]): readonly (readonly TokenizedUnit[])[] {
  const bySize = [...shares].sort((one, other) => one.length - other.length);
  const rows = shares.reduce((sum, share) => sum + share.length, 0);
  const wanted = Math.min(bySize.length, Math.max(2, Math.min(10, Math.round((mostRows * shares.length) / rows))));
  return Array.from({ length: wanted }, (_, place) => bySize[Math.round((place * (bySize.length - 1)) / Math.max(1, wanted - 1))]!);
}
