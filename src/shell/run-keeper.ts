import type { Plan } from '../training/plan.ts';
import type { SessionOutcome, SessionProgress } from '../training/session-input.ts';
import type { PanelPoint, Progress, RunMessage, RunPhase, RunProgress } from './bedside.service.ts';
import type { EnergyMeter } from './energy-meter.ts';
import type { RunLedger } from './ledger-keeper.ts';
import { MessageThrottle } from './message-throttle.ts';
import type { RunRecord } from './records.ts';

/** The panel draws no more points than this; a longer run is thinned, its evaluations never. */
const mostPoints = 200;
/** Of a run with secret draws a point tells the time of this many steps at least, but for those that are scored. */
const fewestDraws = 10;

/** Whether the panel gets a point `sinceLast` steps after its last one. */
export function isPointDue(kind: Plan['kind'], sinceLast: number, steps: number): boolean {
  return sinceLast >= Math.max(kind === 'dp-sgd' ? fewestDraws : 0, steps / mostPoints);
}

/** Follows one run: its record, its points, and what the page is told, all of it for the owner's eyes. */
export class RunKeeper {
  #run: RunRecord;
  #points: PanelPoint[];
  #latest: RunProgress;
  readonly #throttle: MessageThrottle;
  readonly #meter: EnergyMeter;
  readonly #ledger: Pick<RunLedger, 'budget' | 'ahead'> | null;

  constructor(run: RunRecord, meter: EnergyMeter, ledger: Pick<RunLedger, 'budget' | 'ahead'> | null, onMessage: (message: RunMessage) => void) {
    this.#run = run;
    this.#points = [...run.points];
    this.#meter = meter;
    this.#ledger = ledger;
    this.#throttle = new MessageThrottle(onMessage);
    this.#latest = {
      runId: run.id,
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
      device: run.device,
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

  /** The session's end, with what was drawn until then. */
  close({ state, stepsDone, steps, elapsedSeconds }: Pick<SessionOutcome, 'state' | 'stepsDone' | 'steps' | 'elapsedSeconds'>): RunRecord {
    return this.change({ state, stepsDone, steps, seconds: elapsedSeconds, ...this.#meter.after(elapsedSeconds) });
  }

  /** Work before the session has begun. */
  reportPhase(phase: RunPhase, phaseProgress: Progress): void {
    this.#tell({ phase, phaseProgress });
  }

  reportDevice(device: string): void {
    this.change({ device });
    this.#tell({ device });
  }

  reportSaved(savedAtMs: number): void {
    this.change({ savedAtMs });
    this.#tell({ savedAtMs });
  }

  reportSession(progress: SessionProgress): void {
    const { phase, phaseProgress, step, steps, secondsLeft, notesPerSecond, epsilonRun, elapsedSeconds } = progress;
    const budget = this.#ledger?.budget() ?? null;
    // Set beside what all runs have spent, so told in the same sum; the session knows of its own run alone.
    const ahead = this.#ledger?.ahead(step) ?? null;
    const { energyWh, carbonGrams } = this.#meter.after(elapsedSeconds);
    const score = progress.heldOut?.value ?? null;
    const last = this.#points.at(-1);
    if (phase === 'training' && (score !== null || last === undefined || isPointDue(this.#run.plan.kind, step - last.step, steps))) {
      const point: PanelPoint = { step, elapsedSeconds, accuracy: score?.accuracy ?? null, heldOutLossNats: score?.lossNats ?? null, energyWh, carbonGrams, epsilonSpent: budget?.epsilonSpent ?? null };
      this.#points = [...this.#points, point];
    }
    this.change({ seconds: elapsedSeconds, stepsDone: step, steps, epsilonRun, energyWh, carbonGrams, points: this.#points, ...(score ? { accuracy: score.accuracy } : {}) });
    this.#tell({ phase, phaseProgress, step, steps, secondsLeft, notesPerSecond, budget, epsilonRun, epsilonNextStep: ahead?.next ?? null, epsilonAtEnd: ahead?.end ?? null, points: this.#points });
  }

  /** Says that the run waits; `failure` where the person did not ask for it. */
  reportPaused(failure: { readonly code: string; readonly message: string; readonly hint: string } | null): void {
    this.#throttle.push({ kind: 'paused', progress: this.#latest, ...(failure ? { failure } : {}) });
  }

  /** Says that the run goes on, at once. */
  reportResumed(): void {
    this.#tell({});
  }

  report(message: Exclude<RunMessage, { readonly kind: 'progress' | 'paused' }>): void {
    this.#throttle.push(message);
  }

  #tell(fields: Partial<RunProgress>): void {
    this.#latest = { ...this.#latest, ...fields };
    this.#throttle.push({ kind: 'progress', progress: this.#latest });
  }
}
