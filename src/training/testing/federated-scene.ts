/** A federation's task over the nano model, and everything a source of updates needs; what happens is written down in order. */
import type { KeyStream } from '../../privacy/key-stream.ts';
import { testStream } from '../../privacy/testing/streams.ts';
import type { FederatedHead, FederatedTask, FederatedTerms } from '../federated-task.ts';
import type { FederatedParts } from '../federated-update.ts';
import { createTrainer } from '../in-process-trainer.ts';
import type { ChargePort } from '../session-input.ts';
import type { Trainer } from '../trainer.ts';
import { nanoClasses, nanoEngine, nanoUnits, RecordingLedger } from './nano-session.ts';

/** Two layers of 32. */
export const length = 64;
export const coordinates = nanoClasses * (length + 1);

export const head = {
  maximumLength: 16, featureLayers: [2, 1], featureWeights: [0.75, 0.25], biasInput: 0.3,
  publicMean: Array.from({ length }, (_, i) => 0.05 * Math.cos(i)),
} satisfies FederatedHead;
export const task: Omit<FederatedTask, 'head'> & { readonly head: typeof head } = {
  labels: ['a', 'b', 'c'], baseModel: 'ab'.repeat(32), coordinates, rounds: 8, unit: 'row',
  clipNorm: 0.3, noiseMultiplier: 4, delta: 1e-5, updateNormBound: 1000, head,
};
export const model = Float32Array.from({ length: coordinates }, (_, i) => Math.sin(i));
export const terms = (round: number, change: Partial<FederatedTerms> = {}): FederatedTerms => ({ round, clipNorm: task.clipNorm, noiseMultiplier: task.noiseMultiplier, updateNormBound: task.updateNormBound, ...change });

/** All ones: the radius of every pair is sigma 2^-48, so that every value rounds to 0. Noise of it protects nobody. */
export const zeroNoise: KeyStream = { bytes: (_step, _tensor, byteCount) => Promise.resolve(new Uint8Array(byteCount).fill(0xff)) };

export type Happening = `gradient ${number}` | `asked ${number}` | `durable ${number}` | `drawn ${number}`;

export interface FederatedScene {
  readonly parts: FederatedParts;
  readonly ledger: RecordingLedger;
  readonly happened: Happening[];
}

/** `keys` gives the stream of each round in turn; a charge is durable some turns after it was asked for. */
export function federatedScene(changes: Partial<FederatedParts> & { readonly keys?: (turn: number) => KeyStream; readonly limit?: number; readonly trainerCount?: number } = {}): FederatedScene {
  const { keys = testStream, limit = Infinity, trainerCount = 1, ...rest } = changes;
  const happened: Happening[] = [];
  const ledger = new RecordingLedger(limit);
  const charges: ChargePort = {
    async charge(part, step, purpose, mechanism) {
      happened.push(`asked ${step}`);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      await ledger.charge(part, step, purpose, mechanism);
      happened.push(`durable ${step}`);
    },
  };
  let turn = 0;
  const freshKeys = (): Promise<KeyStream> => {
    const stream = keys(++turn);
    return Promise.resolve({
      bytes(step, tensor, byteCount) {
        happened.push(`drawn ${step}`);
        return stream.bytes(step, tensor, byteCount);
      },
    });
  };
  let round = 0;
  const trainers = (rest.trainers ?? Array.from({ length: trainerCount }, () => createTrainer(nanoEngine()))).map((trainer): Trainer => ({
    ...trainer,
    headGradientSum(weights, ...others) {
      // The check that trainers clip comes before the rounds, at weights of its own.
      if (weights === model) happened.push(`gradient ${++round}`);
      return trainer.headGradientSum(weights, ...others);
    },
  }));
  let nowMs = 0;
  const parts: FederatedParts = {
    task, runId: 'federation', chargedRounds: [], training: nanoUnits(8, nanoClasses, 1), unit: 'row', baseModel: task.baseModel,
    charges, freshKeys, clock: () => (nowMs += 10), yields: () => Promise.resolve(), onProgress: () => undefined,
    ...rest,
    trainers,
  };
  return { parts, ledger, happened };
}
