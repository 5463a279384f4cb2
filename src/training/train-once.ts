import type { KeyStream } from '../privacy/key-stream.ts';
import type { ClassificationReport } from '../metrics/classification.ts';
import { classificationOf } from './evaluate.ts';
import type { Plan } from './plan.ts';
import { SessionControl } from './session-control.ts';
import type { ChargePort, SessionOutcome, SessionProgress } from './session-input.ts';
import { runSession } from './session.ts';
import type { TokenizedUnit, Trainer } from './trainer.ts';

/** One whole run without checkpoints, for benches and scripts that repeat it. */
export interface TrainOnceInput {
  readonly plan: Plan;
  readonly labels: readonly string[];
  readonly training: readonly TokenizedUnit[];
  readonly heldOut: readonly TokenizedUnit[];
  readonly labelSentences: readonly Int32Array[];
  /** Over engines wrapped by `rememberPooled`, runs of heads over the same rows read each row once. */
  readonly trainers: readonly Trainer[];
  /** A real ledger, or one that counts for nobody where the rows are public. Null for plans that are not private. */
  readonly charges: ChargePort | null;
  readonly keys: KeyStream | null;
  readonly clock: () => number;
  readonly onProgress?: (progress: SessionProgress) => void;
}

export interface TrainOnceResult {
  readonly outcome: SessionOutcome;
  /** Exact scores of the held-out rows. */
  readonly classification: ClassificationReport;
}

/** Trains once and scores the held-out rows. */
export async function trainOnce({ onProgress = () => undefined, ...input }: TrainOnceInput): Promise<TrainOnceResult> {
  const outcome = await runSession({
    ...input,
    runId: 'once',
    checkpoints: { save: () => Promise.resolve() },
    yields: () => Promise.resolve(),
    control: new SessionControl(),
    onProgress,
    resumeFrom: null,
  });
  const actual = input.heldOut.flatMap(({ rows }) => rows.map(({ label }) => label));
  return { outcome, classification: classificationOf(outcome.heldOutLogits.value, actual, input.labels, input.plan.seed).classification };
}
