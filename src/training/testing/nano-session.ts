/** A small run on the nano model for tests: rows whose label shows in their tokens, a recording ledger and checkpoint store. */
import { createEngine } from '../../engine/bert.ts';
import type { Engine } from '../../engine/engine.ts';
import { nanoModel } from '../../engine/model/nano.ts';
import { createReferenceOperations } from '../../engine/reference/reference-operations.ts';
import { BedsideError } from '../../ground/errors.ts';
import { mulberry32 } from '../../ground/random.ts';
import type { DataPart, Mechanism, PrivacyUnit, Purpose } from '../../privacy/events.ts';
import { testStream } from '../../privacy/testing/streams.ts';
import type { Checkpoint, CheckpointStore } from '../checkpoint.ts';
import { createTrainer } from '../in-process-trainer.ts';
import { SessionControl } from '../session-control.ts';
import type { ChargePort, SessionInput, SessionProgress } from '../session-input.ts';
import { fullBatchHeadPlan, dpSgdPlan, plainHeadPlan, plainLoraPlan, type PlanFacts } from '../propose.ts';
import type { DpSgdPlan, FullBatchHeadPlan, Plan, PlainHeadPlan, PlainLoraPlan } from '../plan.ts';
import type { TokenizedUnit, Trainer } from '../trainer.ts';

export function nanoEngine(seed = 1): Engine {
  return createEngine(createReferenceOperations(), nanoModel(seed).weights);
}

/** `count` units of `rowsAUnit` short rows; the first token after the frame names the label. */
export function nanoUnits(count: number, classes: number, seed: number, rowsAUnit = 1): TokenizedUnit[] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, (_, unit) => ({
    unit,
    rows: Array.from({ length: rowsAUnit }, (_, row) => {
      const label = (unit + row) % classes;
      const length = 3 + Math.floor(random() * 5);
      return { label, ids: Int32Array.from({ length }, (_, i) => (i % 2 === 0 ? 5 + label : 5 + Math.floor(random() * 20))) };
    }),
  }));
}

export interface RecordedCharge {
  readonly part: DataPart;
  readonly step: number;
  readonly purpose: Purpose;
  readonly mechanism: Mechanism;
}

/** A ledger that writes down what is charged, and refuses from the `limit`-th training charge on. */
export class RecordingLedger implements ChargePort {
  readonly charges: RecordedCharge[] = [];
  readonly limit: number;
  constructor(limit = Infinity) {
    this.limit = limit;
  }
  charge(part: DataPart, step: number, purpose: Purpose, mechanism: Mechanism): Promise<void> {
    if (part === 'training' && this.charges.filter((charge) => charge.part === 'training').length >= this.limit) {
      return Promise.reject(new BedsideError('privacy/over-budget', 'budget', 'Over the limit.', 'Raise it.'));
    }
    this.charges.push({ part, step, purpose, mechanism });
    return Promise.resolve();
  }
}

export class RecordingCheckpoints implements CheckpointStore {
  readonly saved: Checkpoint[] = [];
  save(checkpoint: Checkpoint): Promise<void> {
    this.saved.push({ ...checkpoint, tensors: Object.fromEntries(Object.entries(checkpoint.tensors).map(([name, values]) => [name, values.slice()])) });
    return Promise.resolve();
  }
}

export const nanoClasses = 3;

export function nanoFacts(units: number, unit: PrivacyUnit = 'row'): PlanFacts {
  return { trainingUnits: units, trainingRows: units, heldOutUnits: 12, heldOutRows: 12, classes: nanoClasses, unit, encoderLayers: 2, maximumLength: 16, heldOutShare: 0.2, seed: 1, epsilon: 3, delta: 1e-5 };
}

const lora = { rank: 2, alpha: 4, targets: ['query', 'value'], layers: [0, 1] } as const;
export const nanoPlans = {
  fullBatch: (units: number, changes: Partial<FullBatchHeadPlan> = {}): FullBatchHeadPlan => ({ ...fullBatchHeadPlan(nanoFacts(units)), steps: 8, ...changes }),
  dpSgd: (units: number, changes: Partial<DpSgdPlan> = {}): DpSgdPlan => ({ ...dpSgdPlan(nanoFacts(units)), steps: 4, expectedBatchSize: units / 4, lora, ...changes }),
  plainHead: (units: number, changes: Partial<PlainHeadPlan> = {}): PlainHeadPlan => ({ ...plainHeadPlan(nanoFacts(units)), epochs: 20, batchSize: 8, learningRate: 0.05, ...changes }),
  plainLora: (units: number, changes: Partial<PlainLoraPlan> = {}): PlainLoraPlan => ({ ...plainLoraPlan(nanoFacts(units)), epochs: 2, batchSize: 8, learningRate: 0.01, lora, ...changes }),
};

export interface NanoSession {
  readonly input: SessionInput;
  readonly ledger: RecordingLedger;
  readonly checkpoints: RecordingCheckpoints;
  readonly progress: SessionProgress[];
}

/** A session's input; every part can be replaced. The clock moves 10 ms a look, so that times are the same on every machine. */
export function nanoSession(plan: Plan, changes: Partial<SessionInput> & { readonly ledger?: RecordingLedger; readonly trainerCount?: number } = {}): NanoSession {
  const { ledger = new RecordingLedger(), trainerCount = 1, ...rest } = changes;
  const checkpoints = new RecordingCheckpoints();
  const progress: SessionProgress[] = [];
  const trainers: Trainer[] = Array.from({ length: trainerCount }, () => createTrainer(nanoEngine()));
  let nowMs = 0;
  const input: SessionInput = {
    runId: 'run', plan, labels: ['a', 'b', 'c'],
    training: nanoUnits(48, nanoClasses, 1), heldOut: nanoUnits(12, nanoClasses, 2),
    labelSentences: [0, 1, 2].map((label) => Int32Array.of(2, 5 + label, 5 + label, 3)),
    trainers, charges: ledger, keys: testStream(1), checkpoints,
    clock: () => (nowMs += 10), yields: () => Promise.resolve(), control: new SessionControl(),
    onProgress: (point) => progress.push(point), resumeFrom: null,
    ...rest,
  };
  return { input, ledger, checkpoints, progress };
}
