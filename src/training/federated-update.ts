import { invariant } from '../ground/check.ts';
import { releasableBecause, type Releasable } from '../privacy/doors.ts';
import { clipNormsMoved } from '../privacy/shared-unit.ts';
import { oncePerTensor, type KeyStream } from '../privacy/key-stream.ts';
import { distributeUnits } from './distribute.ts';
import { roundCharged, roundOverBudget, roundTooLate, trainingCancelled } from './federated-errors.ts';
import { projectionMap } from './federated-projection.ts';
import { checkFederatedTask, checkFederatedTerms, federatedFeatures, federatedPlan, sharedUnits, type FederatedData, type FederatedHead, type FederatedTask, type FederatedTerms } from './federated-task.ts';
import type { FullBatchHeadPlan } from './plan.ts';
import { prepareFeatures } from './run-features.ts';
import { SessionControl } from './session-control.ts';
import type { ChargePort, SessionProgress } from './session-input.ts';
import { SessionRun } from './session-run.ts';
import { streamTensors } from './stream-tensors.ts';
import { checkTrainerClips } from './trainer-check.ts';
import type { TokenizedUnit, Trainer } from './trainer.ts';
import { withinNorm } from './within-norm.ts';

export interface FederatedParts extends FederatedData {
  readonly task: FederatedTask;
  /** Names this federation in the ledger: the same after every reload. */
  readonly runId: string;
  /** By the ledger, of this run: `chargedRounds`. */
  readonly chargedRounds: readonly number[];
  /** This source's alone while it lives: who lends them to a run in between would have other notes charged as these. */
  readonly trainers: readonly Trainer[];
  readonly charges: ChargePort;
  /** A stream under a new key each time, one a round. */
  readonly freshKeys: () => Promise<KeyStream>;
  /** Milliseconds that only grow. */
  readonly clock: () => number;
  readonly yields: () => Promise<void>;
  /** While the notes are read, before the first round that is trained. */
  readonly onProgress: (progress: SessionProgress) => void;
}

export interface FederatedRequest {
  readonly terms: FederatedTerms;
  /** [C, k + 1] */
  readonly model: Float32Array;
  /** Whether the update could still be sent; asked directly before the charge. */
  readonly isWanted?: () => Promise<boolean>;
}

/** What may be sent. Beside the update there is no number: each would have to be paid for. */
export interface FederatedUpdate {
  /** [C, k + 1], to be added to the model. */
  readonly delta: Float32Array;
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * A participant's part of each round: minus the noisy full-batch gradient sum of the head at the round's model, over the public number of units,
 * no longer than the agreed bound. Where the participant is the unit, all rows meet before the clip, on one trainer, and the number is one.
 * Guarantee: a round is one Gaussian mechanism of the round's noise multiplier over the units (zero-out adjacency; of a participant, whatever notes were others), charged durably before its noise
 * is drawn, by the door of every private run, under a key of its own. What follows reads nothing private. A round that was charged is not trained again,
 * whatever became of it, after a reload neither: a second try would pay twice for one model.
 */
export class FederatedUpdates {
  readonly #parts: FederatedParts;
  readonly #head: FederatedHead;
  readonly #plan: FullBatchHeadPlan;
  readonly #units: readonly TokenizedUnit[];
  readonly #control = new SessionControl();
  readonly #charged: Set<number>;
  readonly #usedKeys = new WeakSet<KeyStream>();
  /** The trainers hold this task's features, centred. */
  #isPrepared = false;
  #last: Promise<unknown> = Promise.resolve();

  /** @throws `training/federated-task` where the task does not fit the model or the notes; nothing has been read then. */
  constructor(parts: FederatedParts) {
    const [first] = parts.trainers;
    invariant(first !== undefined, 'a federation has a trainer');
    this.#parts = parts;
    this.#head = checkFederatedTask(parts.task, parts, first.shape);
    this.#plan = federatedPlan(parts.task, this.#head, parts.unit);
    this.#units = sharedUnits(parts.task, parts.training);
    this.#charged = new Set(parts.chargedRounds);
  }

  /**
   * One round; rounds wait for each other. Shapes: model [C, k + 1].
   * @throws `training/federated-terms`, `training/federated-repeated`, `training/federated-budget`, `training/federated-late` or `training/federated-cancelled`
   * where the round is declined; nothing is charged by the first four. Whatever else fails after the charge releases nothing, and stays charged.
   */
  train(request: FederatedRequest): Promise<Releasable<FederatedUpdate>> {
    const result = this.#last.then(() => this.#train(request));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** For good: a person who joins again has another source. */
  cancel(): void {
    this.#control.stop();
  }

  async #train({ terms, model, isWanted = () => Promise.resolve(true) }: FederatedRequest): Promise<Releasable<FederatedUpdate>> {
    const { task, freshKeys } = this.#parts;
    const unitCount = this.#units.length;
    const { round, clipNorm, noiseMultiplier, updateNormBound } = terms;
    this.#mayGoOn();
    checkFederatedTerms(task, terms, model);
    if (this.#charged.has(round)) throw roundCharged(round);
    const keys = await freshKeys();
    invariant(!this.#usedKeys.has(keys), 'every round has a key of its own');
    this.#usedKeys.add(keys);
    const run = this.#runUnder(oncePerTensor(keys));

    const wasPrepared = this.#isPrepared;
    // Where a trainer fails below, whoever takes its place holds nothing.
    this.#isPrepared = false;
    if (!wasPrepared) await this.#prepare(run);
    await run.mayStep();
    this.#mayGoOn();
    const sums = await run.onAll((trainer) => trainer.headGradientSum(model, task.labels.length, clipNorm, this.#head.biasInput));
    this.#isPrepared = true;
    this.#mayGoOn();

    // Reading may take long: an update that comes too late would be paid for and thrown away.
    if (!(await isWanted())) throw roundTooLate(round);
    this.#mayGoOn();
    // Before the charge is asked for: where its answer is lost, it counts.
    this.#charged.add(round);
    const mechanism = { kind: 'gaussian', noiseMultiplier } as const;
    if (!(await run.charge('training', { step: round, purpose: 'gradient', mechanism }))) {
      this.#charged.delete(round);
      throw roundOverBudget(round);
    }
    const expected = { length: task.coordinates, unitCount, clipNorm };
    const noisy = await run.releaseCharged(sums, { step: round, tensor: streamTensors.gradient, expected, noiseMultiplier: clipNormsMoved(task.unit) * noiseMultiplier });
    this.#mayGoOn();
    return releasableBecause('charged', { delta: withinNorm(noisy.map((value) => -value / unitCount), updateNormBound), metrics: {} });
  }

  /** Checks that trainers clip, hands the units out, reads them, centres their features by the public mean, and maps them where the task does. */
  async #prepare(run: SessionRun): Promise<void> {
    const { trainers, task, unit } = this.#parts;
    for (const trainer of trainers) await checkTrainerClips(trainer, this.#plan, task.labels.length);
    const shares = distributeUnits(this.#units, trainers.length);
    await run.onAll((trainer, index) => trainer.assign(shares[index]!, unit));
    await run.onAll((trainer) => trainer.assignHeldOut([]));
    await prepareFeatures(run, federatedFeatures(this.#head));
    const mean = Float32Array.from(this.#head.publicMean);
    const map = projectionMap(this.#head);
    await run.onAll((trainer) => trainer.centreFeatures(mean, map));
  }

  /** A run of one step, for its door. It saves nothing: a round that is cut off is declined, so there is nothing to resume. */
  #runUnder(keys: KeyStream): SessionRun {
    const { task, runId, trainers, charges, clock, yields, onProgress } = this.#parts;
    return new SessionRun(
      { runId, plan: this.#plan, labels: task.labels, training: this.#units, heldOut: [], labelSentences: [], trainers, charges, keys, checkpoints: { save: () => Promise.resolve() }, clock, yields, control: this.#control, onProgress, resumeFrom: null },
      { steps: task.rounds, expectedBatch: this.#units.length, plannedCharges: (steps) => [{ mechanism: { kind: 'gaussian', noiseMultiplier: task.noiseMultiplier }, count: steps }] },
    );
  }

  #mayGoOn(): void {
    if (this.#control.isStopping) throw trainingCancelled();
  }
}
