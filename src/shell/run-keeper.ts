import { isPrivate, type Plan } from '../training/plan.ts';
import type { SessionOutcome, SessionProgress } from '../training/session-input.ts';
import { drawsTold } from '../training/session-run.ts';
import type { Failure } from '../state/failure.ts';
import type { DeviceName, PanelPoint, Progress, RunMessage, RunPhase, RunProgress } from './bedside.service.ts';
import type { RunEnergy } from './energy-meter.ts';
import type { RunLedger } from './ledger-keeper.ts';
import { MessageThrottle } from './message-throttle.ts';
import type { RunRecord } from './records.ts';

/** The panel draws no more points than this; a longer run is thinned, its evaluations never. */
const mostPoints = 200;
/** The page hears of a run four times a second; of one with secret draws once. */
const periodMs = 250;
const periodOfDrawsMs = 1000;

/** Whether the panel gets a point `sinceLast` steps after its last one. */
export function isPointDue(sinceLast: number, steps: number): boolean {
  return sinceLast >= steps / mostPoints;
}

/** Whether the time of this step may be known outside the run. Of secret draws ten steps at a time are timed: how long a single one took would tell how many notes were drawn. */
export function isStepTimed(kind: Plan['kind'], step: number): boolean {
  return kind !== 'dp-sgd' || step % drawsTold === 0;
}

/** Whether the page hears of this step: of those that are timed, and of the last. */
export function isStepTold(kind: Plan['kind'], step: number, steps: number): boolean {
  return isStepTimed(kind, step) || step === steps;
}

/** Follows one run: its record, its points, and what the page is told, all of it for the owner's eyes. */
export class RunKeeper {
  #run: RunRecord;
  #points: PanelPoint[];
  #latest: RunProgress;
  #isPaused = false;
  readonly #throttle: MessageThrottle;
  readonly #energy: RunEnergy;
  readonly #ledger: Pick<RunLedger, 'budget' | 'ahead' | 'epsilonCharged' | 'settle'> | null;

  constructor(run: RunRecord, energy: RunEnergy, ledger: Pick<RunLedger, 'budget' | 'ahead' | 'epsilonCharged' | 'settle'> | null, onMessage: (message: RunMessage) => void) {
    this.#run = run;
    this.#points = [...run.points];
    this.#energy = energy;
    this.#ledger = ledger;
    this.#throttle = new MessageThrottle(onMessage, run.plan.kind === 'dp-sgd' ? periodOfDrawsMs : periodMs);
    this.#latest = {
      runId: run.id,
      runNumber: run.number,
      phase: 'loading-model',
      phaseProgress: { done: 0, total: 1 },
      step: run.stepsDone,
      steps: run.steps,
      secondsLeft: null,
      notesPerSecond: null,
      budget: this.#ledger?.budget() ?? null,
      epsilonRun: run.epsilonRun,
      epsilonNextStep: null,
      epsilonAtEnd: null,
      energyAtEnd: null,
      device: null,
      savedAtMs: run.savedAtMs,
      points: this.#points,
    };
  }

  /** The run's line as of now. */
  get run(): RunRecord {
    return this.#run;
  }

  change(fields: Partial<RunRecord>): RunRecord {
    this.#run = { ...this.#run, ...fields };
    return this.#run;
  }

  /**
   * The session's end, with what was drawn until then: the panel's last point says the same. Where draws are secret and the end is no tenth
   * step, time and energy stay those of the tenth step before: the rest may be a single step. A run that ended early keeps the model of a step before its last.
   */
  close({ state, stepsDone, steps, elapsedSeconds }: Pick<SessionOutcome, 'state' | 'stepsDone' | 'steps' | 'elapsedSeconds'>): RunRecord {
    this.#ledger?.settle();
    const seconds = this.#isTimed(stepsDone) ? elapsedSeconds : this.#run.seconds;
    const { energyWh, carbonGrams } = this.#isTimed(stepsDone) ? this.#energy.after(elapsedSeconds) : this.#run;
    const last = this.#points.at(-1);
    const end: PanelPoint = { step: stepsDone, elapsedSeconds: seconds, accuracy: null, heldOutLossNats: null, energyWh, carbonGrams, epsilonSpent: this.#ledger?.budget().epsilonSpent ?? null };
    this.#points = last && last.step >= stepsDone ? [...this.#points.slice(0, -1), { ...last, elapsedSeconds: seconds, energyWh, carbonGrams }] : [...this.#points, end];
    this.change({ state, stepsDone, steps, seconds, energyWh, carbonGrams, points: this.#points });
    this.#isPaused = false;
    this.#tell({ step: stepsDone, points: this.#points, energyAtEnd: null, budget: this.#ledger?.budget() ?? null });
    return this.#run;
  }

  /** The run's line with what was charged for it until now. */
  charge(): RunRecord {
    return this.change({ epsilonRun: this.#epsilonCharged(this.#run.epsilonRun) });
  }

  /** Work before the session has begun. */
  reportPhase(phase: RunPhase, phaseProgress: Progress): void {
    this.#tell({ phase, phaseProgress });
  }

  reportDevice(device: DeviceName): void {
    this.#tell({ device });
  }

  /** The record with what a checkpoint after `stepsDone` steps holds; between the steps that are timed it says what it said. */
  save(stepsDone: number, seconds: number, savedAtMs: number): RunRecord {
    this.charge();
    return this.#isTimed(stepsDone) ? this.change({ stepsDone, seconds, savedAtMs }) : this.#run;
  }

  reportSaved(savedAtMs: number): void {
    // Where draws are secret the page hears of it with the step.
    if (this.#run.plan.kind !== 'dp-sgd') {
      this.change({ savedAtMs });
      this.#tell({ savedAtMs });
    }
  }

  reportSession(progress: SessionProgress): void {
    const { phase, phaseProgress, step, steps, secondsLeft, notesPerSecond } = progress;
    const isTimed = this.#isTimed(step);
    const elapsedSeconds = isTimed ? progress.elapsedSeconds : this.#run.seconds;
    const { energyWh, carbonGrams } = isTimed ? this.#energy.after(elapsedSeconds) : this.#run;
    const epsilonRun = this.#epsilonCharged(progress.epsilonRun);
    const score = progress.heldOut?.value ?? null;
    const isTold = isStepTold(this.#run.plan.kind, step, steps);
    this.change({ seconds: elapsedSeconds, steps, epsilonRun, energyWh, carbonGrams, ...(isTold ? { stepsDone: step } : {}), ...(score ? { accuracy: score.accuracy } : {}) });
    if (!isTold) return;
    const budget = this.#ledger?.budget() ?? null;
    // Set beside what all runs have spent, so told in the same sum; the session knows of its own run alone.
    const ahead = this.#ledger?.ahead(step) ?? null;
    const last = this.#points.at(-1);
    if (phase === 'training' && (score !== null || last === undefined || isPointDue(step - last.step, steps))) {
      const point: PanelPoint = { step, elapsedSeconds, accuracy: score?.accuracy ?? null, heldOutLossNats: score?.lossNats ?? null, energyWh, carbonGrams, epsilonSpent: budget?.epsilonSpent ?? null };
      this.#points = [...this.#points, point];
      this.change({ points: this.#points });
    }
    const energyAtEnd = secondsLeft === null ? null : this.#energy.atEnd(secondsLeft).energyWh;
    this.#tell({ phase, phaseProgress, step, steps, secondsLeft, notesPerSecond, budget, epsilonRun, epsilonNextStep: ahead?.next ?? null, epsilonAtEnd: ahead?.end ?? null, energyAtEnd, savedAtMs: this.#run.savedAtMs, points: this.#points });
  }

  #isTimed(step: number): boolean {
    return isStepTimed(this.#run.plan.kind, step);
  }

  /** What the ledger was charged for this run, and `atLeast` what its steps cost. */
  #epsilonCharged(atLeast: number | null): number | null {
    const { plan } = this.#run;
    if (!isPrivate(plan)) return null;
    return Math.max(atLeast ?? 0, this.#ledger?.epsilonCharged() ?? 0);
  }

  /** Says that the run waits; `failure` where the person did not ask for it. */
  reportPaused(failure: Failure | null): void {
    this.#isPaused = true;
    // An error object would lose all but its message on the way to the page.
    const plain = failure && { code: failure.code, message: failure.message, hint: failure.hint, values: failure.values };
    this.#throttle.push({ kind: 'paused', progress: this.#latest, ...(plain ? { failure: plain } : {}) });
  }

  /** Says that the run goes on, at once. */
  reportResumed(): void {
    this.#isPaused = false;
    this.#tell({});
  }

  report(message: Exclude<RunMessage, { readonly kind: 'progress' | 'paused' }>): void {
    this.#throttle.push(message);
  }

  #tell(fields: Partial<RunProgress>): void {
    this.#latest = { ...this.#latest, ...fields };
    // What was in hand when the pause came is shown when the run goes on: told now, it would look as if it had.
    if (this.#isPaused) return;
    this.#throttle.push({ kind: 'progress', progress: this.#latest });
  }
}
