import { forOwnersEyes, type OwnersEyes } from '../privacy/doors.ts';
import type { Mechanism, Purpose } from '../privacy/events.ts';
import { checkpointsOf, KnownBounds } from '../privacy/known-bounds.ts';
import type { DataPart } from '../privacy/events.ts';
import type { KeyStream } from '../privacy/noise.ts';
import { drawNoise, type NoiseLaw } from '../privacy/noise-laws.ts';
import { invariant } from '../ground/check.ts';
import type { Checkpoint } from './checkpoint.ts';
import { scoreLogits, type HeldOutScore } from './held-out-score.ts';
import { isPrivate } from './plan.ts';
import { withoutLengths } from './memory-errors.ts';
import { isBudgetRefusal, type ChargePort, type SessionInput, type SessionPhase } from './session-input.ts';
import { addClippedSums, checkClippedSum, type SumExpectation } from './sums.ts';
import type { ClippedSum, Trainer } from './trainer.ts';

/** One release of a sum: what is charged, and under which number its noise is drawn. */
export interface Release {
  readonly step: number;
  readonly purpose: Purpose;
  readonly mechanism: Mechanism;
  readonly tensor: number;
  readonly expected: SumExpectation;
}

/** What is left of a release once it is charged. `noiseMultiplier`: deviation of the noise over the sensitivity. The rounded Gaussian where no law is named. */
export type ChargedRelease = Pick<Release, 'step' | 'tensor' | 'expected'> & { readonly noiseMultiplier: number; readonly noiseLaw?: NoiseLaw };

/** Where draws are secret, nothing is timed, scored or told but at every so many steps and at the end: single steps take as long as their draws are large. */
export const drawsTold = 10;

/** The part of a run that every plan shares: the door out of the private side, the clock, pauses, held-out scores, checkpoints. */
export class SessionRun {
  readonly input: SessionInput;
  readonly steps: number;
  readonly #charges: Mechanism[] = [];
  readonly #heldOutLabels: readonly number[];
  readonly #evaluateEvery: number;
  /** Charges of the training part at `steps` steps, for what an end will have cost. */
  readonly #plannedCharges: (steps: number) => readonly { mechanism: Mechanism; count: number }[];
  readonly #expectedBatch: number;
  readonly #isSampled: boolean;
  readonly #bounds: KnownBounds;
  #pace: { readonly secondsAStep: number; readonly steps: number } | null = null;
  readonly #earlierSeconds: number;
  #startedAtMs: number;
  #stepEndsMs: number[] = [];
  #pause: Promise<void> | null = null;
  #hasFailed = false;
  #savedAtMs: number;
  /** How long the last save took. */
  #savingMs = 0;
  #step: number;

  constructor(input: SessionInput, shape: { steps: number; expectedBatch: number; isSampled?: boolean; plannedCharges: (steps: number) => readonly { mechanism: Mechanism; count: number }[] }) {
    this.input = input;
    this.steps = shape.steps;
    this.#expectedBatch = shape.expectedBatch;
    this.#isSampled = shape.isSampled ?? false;
    this.#plannedCharges = shape.plannedCharges;
    this.#heldOutLabels = input.heldOut.flatMap((unit) => unit.rows.map((row) => row.label));
    const unit = this.#isSampled ? drawsTold : 1;
    this.#evaluateEvery = unit * Math.max(1, Math.ceil(shape.steps / 10 / unit));
    this.#earlierSeconds = input.resumeFrom?.elapsedSeconds ?? 0;
    this.#step = input.resumeFrom?.step ?? 0;
    this.#startedAtMs = input.clock();
    this.#savedAtMs = this.#startedAtMs;
    this.#bounds = input.bounds ?? new KnownBounds();
    if (this.#isSampled) this.#bounds.tightly(() => checkpointsOf(shape.steps).forEach((step) => this.#epsilonAt(step)));
  }

  get charges(): readonly Mechanism[] {
    return this.#charges;
  }
  get classes(): number {
    return this.input.labels.length;
  }
  get elapsedSeconds(): number {
    return this.#earlierSeconds + (this.input.clock() - this.#startedAtMs) / 1000;
  }

  /** Asks every trainer at once. Where one fails the others read no more notes: a run that is resumed would wait for them. */
  async onAll<T>(ask: (trainer: Trainer, index: number) => Promise<T>): Promise<T[]> {
    try {
      return await Promise.all(this.input.trainers.map(ask));
    } catch (error) {
      this.#hasFailed = true;
      throw isPrivate(this.input.plan) ? withoutLengths(error, this.input.plan.maximumLength) : error;
    }
  }

  /**
   * The only door: charges the ledger durably, adds the trainers' sums, checks the sum, and returns it with noise, in value units. The noise is drawn by the law that was charged.
   * A sum that fails its check was charged and is thrown away: that a run ended is itself something an onlooker learns.
   * Returns null, having charged and released nothing, where the budget refuses.
   */
  async release(parts: readonly ClippedSum[], release: Release): Promise<Float64Array | null> {
    if (!(await this.charge('training', release))) return null;
    const { mechanism } = release;
    return this.releaseCharged(parts, { ...release, noiseMultiplier: mechanism.noiseMultiplier, noiseLaw: mechanism.kind === 'discrete-gaussian' ? 'discrete-gaussian' : 'rounded-gaussian' });
  }

  /** Charges durably; false, having charged nothing, where the budget refuses. */
  async charge(part: DataPart, { step, purpose, mechanism }: Pick<Release, 'step' | 'purpose' | 'mechanism'>): Promise<boolean> {
    try {
      await this.privateParts().charges.charge(part, step, purpose, mechanism);
    } catch (error) {
      if (isBudgetRefusal(error)) return false;
      throw error;
    }
    if (part === 'training') this.#charges.push(mechanism);
    return true;
  }

  /** The second half of the door, for what a charge before it has paid for: a search is charged as a whole before its first step. */
  async releaseCharged(parts: readonly ClippedSum[], release: ChargedRelease): Promise<Float64Array> {
    const { keys } = this.privateParts();
    const total = addClippedSums(parts, release.expected.length);
    checkClippedSum(total, release.expected);
    const noise = await drawNoise(release.noiseLaw ?? 'rounded-gaussian', keys, release.step, release.tensor, total.sum.length, release.noiseMultiplier * total.sensitivity);
    return total.sum.map((value, i) => (value + noise[i]!) / total.gridScale);
  }

  /** The ledger and the keys of a private plan. */
  privateParts(): { readonly charges: ChargePort; readonly keys: KeyStream } {
    const { charges, keys } = this.input;
    invariant(charges !== null && keys !== null, 'a private plan has a ledger and a key stream');
    return { charges, keys };
  }

  /** Awaited before each step: lets others work, waits out a pause; false where the run is to stop. */
  async mayStep(): Promise<boolean> {
    await this.input.yields();
    // Several trainers may come upon one pause.
    if (this.input.control.isPaused) await (this.#pause ??= this.#waitOutPause());
    if (this.#isSampled && this.#stepEndsMs.length === 0 && this.#step % drawsTold === 0) this.#stepEndsMs = [this.input.clock()];
    return !this.input.control.isStopping && !this.#hasFailed;
  }

  async #waitOutPause(): Promise<void> {
    const pausedAtMs = this.input.clock();
    await this.input.control.whenRunning();
    this.#startedAtMs += this.input.clock() - pausedAtMs;
    this.#stepEndsMs = [];
    this.#pace = null;
    this.#pause = null;
  }

  /** Reports work that is no step: features before, evaluation after. */
  reportPhase(phase: SessionPhase, done: number, total: number): void {
    this.#report(phase, done, total, null);
  }

  /** Notes that `step` is done; before it is saved and reported. */
  countStep(step: number): void {
    this.#step = step;
    // A mean that slides would tell single secret draws by its changes; one of ten steps at a time does not.
    if (this.#isSampled && step % drawsTold !== 0) return;
    this.#stepEndsMs.push(this.input.clock());
    const stepsEach = this.#isSampled ? drawsTold : 1;
    const timed = stepsEach * (this.#stepEndsMs.length - 1);
    if (timed > 0) this.#pace = { secondsAStep: (this.#stepEndsMs.at(-1)! - this.#stepEndsMs[0]!) / 1000 / timed, steps: timed };
    if (timed >= 10) this.#stepEndsMs.shift();
  }

  /** Reports a counted step (0: the start), with a held-out score where it is due, which it returns: only a plan that is not private may be steered by it. */
  async reportStep(step: number, score: () => Promise<Float32Array>): Promise<HeldOutScore | null> {
    const isDue = step === 0 || step === this.steps || step % this.#evaluateEvery === 0;
    const heldOut = isDue && this.#heldOutLabels.length > 0 ? forOwnersEyes(scoreLogits(await score(), this.#heldOutLabels, this.classes)) : null;
    this.#report('training', step, this.steps, heldOut);
    return heldOut?.value ?? null;
  }

  /** Reports a counted step without a score: of a search, none may be known. */
  reportUnscored(step: number): void {
    this.#report('training', step, this.steps, null);
  }

  #report(phase: SessionPhase, done: number, total: number, heldOut: OwnersEyes<HeldOutScore> | null): void {
    const pace = this.#pace;
    this.input.onProgress({
      phase,
      phaseProgress: { done, total },
      step: this.#step,
      steps: this.steps,
      elapsedSeconds: this.elapsedSeconds,
      secondsLeft: pace === null ? null : pace.secondsAStep * (this.steps - this.#step),
      notesPerSecond: pace === null || pace.steps < 10 || pace.secondsAStep === 0 ? null : this.#expectedBatch / pace.secondsAStep,
      epsilonRun: this.#epsilonAt(this.#step),
      epsilonNextStep: this.#epsilonAt(Math.min(this.#step + 1, this.steps)),
      epsilonAtEnd: this.#epsilonAt(this.steps),
      heldOut,
    });
  }

  /** Epsilon of this run's schedule up to `step`; steps that an interruption had charged twice are the ledger's to add. */
  #epsilonAt(step: number): number | null {
    const { plan } = this.input;
    if (!isPrivate(plan)) return null;
    if (step === 0 && this.#charges.length === 0) return 0;
    return this.#bounds.epsilonOf(this.#plannedCharges(step), plan.delta);
  }

  async save(tensors: Checkpoint['tensors'], counts: Checkpoint['counts']): Promise<void> {
    const { runId, plan, checkpoints } = this.input;
    await checkpoints.save({ version: 1, runId, plan, step: this.#step, tensors, counts, elapsedSeconds: this.elapsedSeconds });
  }

  /** Saves where five seconds have passed since the last time, and ten times as long as that one took: plain steps are short, and lose nothing but time; whole layers take hundreds of megabytes to save. */
  async saveNowAndThen(parts: () => { readonly tensors: Checkpoint['tensors']; readonly counts: Checkpoint['counts'] }): Promise<void> {
    if (this.#step < this.steps && this.input.clock() - this.#savedAtMs < Math.max(5000, 10 * this.#savingMs)) return;
    const startedAtMs = this.input.clock();
    const { tensors, counts } = parts();
    await this.save(tensors, counts);
    this.#savedAtMs = this.input.clock();
    this.#savingMs = this.#savedAtMs - startedAtMs;
  }
}
