/** For tests: what outlives the lives of a run (ledger, checkpoint), and one life of it with faults at chosen points. */
import { createEngine } from '../../engine/bert.ts';
import { bertConfig } from '../../engine/model/config.ts';
import { loadBert } from '../../engine/model/load.ts';
import { randomBertTensors } from '../../engine/model/random-bert.ts';
import type { BertShape } from '../../engine/model/weights.ts';
import { createReferenceOperations } from '../../engine/reference/reference-operations.ts';
import { cohortsOf, type HashedRow } from '../../privacy/cohort.ts';
import type { ChargeEvent, Purpose } from '../../privacy/events.ts';
import type { KeyStream } from '../../privacy/key-stream.ts';
import { KnownBounds } from '../../privacy/known-bounds.ts';
import { Ledger } from '../../privacy/ledger.ts';
import { createMemoryLedgerStore } from '../../privacy/memory-ledger-store.ts';
import { testStream } from '../../privacy/testing/streams.ts';
import { unitHash } from '../../privacy/unit-hash.ts';
import type { Checkpoint } from '../../training/checkpoint.ts';
import { createTrainer } from '../../training/in-process-trainer.ts';
import { ledgerCharges } from '../../training/ledger-charges.ts';
import type { PrivatePlan } from '../../training/plan.ts';
import { SessionControl } from '../../training/session-control.ts';
import type { ChargePort, SessionOutcome } from '../../training/session-input.ts';
import { runSession } from '../../training/session.ts';
import { streamTensors } from '../../training/stream-tensors.ts';
import { nanoClasses, nanoUnits } from '../../training/testing/nano-session.ts';
import type { TrainedModel } from '../../training/trained-model.ts';
import type { Trainer } from '../../training/trainer.ts';
import { whenThereIsRoom } from '../patience.ts';
import { FaultPoints, storeUnder, type Fault, type Point } from './fault-points.ts';

export const runId = 'run';
export const trainingUnits = 9;
const heldOutUnits = 6;
const trainerCount = 2;

/** As small as an encoder gets: a life is lived some thousand times. */
const shape: BertShape = { layers: 1, width: 4, heads: 1, feedForwardWidth: 4, vocabularySize: 32, maximumPositions: 16, tokenTypes: 2, layerNormEpsilon: 1e-12 };
const weights = loadBert({ config: bertConfig(shape), tensors: randomBertTensors(shape, 1) });

const key = new Uint8Array(32).fill(1);
const hashed = (part: string, count: number): HashedRow[] => Array.from({ length: count }, (_, i) => ({ row: unitHash(key, 'row', `${part} ${i}`), person: null }));
const { events: cohorts } = cohortsOf({ unit: 'row', keyId: 'key', training: hashed('training', trainingUnits), heldOut: hashed('held-out', heldOutUnits), declarationId: null, personNaming: null });
const cohortIds = { training: cohorts[0].cohortId, 'held-out': cohorts[1].cohortId };

/** Noise that was made for one release. */
export interface NoiseDraw {
  readonly life: number;
  readonly step: number;
  readonly purpose: Purpose;
  /** Charges of its kind that were durable when it was made. */
  readonly chargedBefore: number;
  readonly bytes: string;
}

/** How a life ended. */
export type LifeEnd = { readonly kind: 'died' } | { readonly kind: 'failed'; readonly error: unknown } | { readonly kind: 'ended'; readonly outcome: SessionOutcome };

export interface Life {
  readonly end: LifeEnd;
  readonly points: readonly Point[];
  /** Calls that were still unanswered when it ended by itself. */
  readonly inFlight: number;
}

/** By tensor number. */
const purposes: Readonly<Record<number, Purpose>> = { [streamTensors.featureMean]: 'feature-mean', [streamTensors.gradient]: 'gradient', [streamTensors.validation]: 'charged-validation', [streamTensors.labelCounts]: 'label-counts' };

export class FaultWorld {
  readonly plan: PrivatePlan;
  readonly draws: NoiseDraw[] = [];
  readonly splitId = cohorts[0].splitId;
  checkpoint: Checkpoint | null = null;
  lives = 0;
  readonly #store = createMemoryLedgerStore();
  readonly #bounds: KnownBounds;
  readonly #epsilonLimit: number;

  readonly #startsFrom: TrainedModel | null;

  /** `bounds` keeps what a plan's epsilon was found to be, for all who try the same plan; `startsFrom` is the model that a plan goes on from. */
  constructor(plan: PrivatePlan, epsilonLimit = 100, bounds = new KnownBounds(), startsFrom: TrainedModel | null = null) {
    this.plan = plan;
    this.#startsFrom = startsFrom;
    this.#bounds = bounds;
    this.#epsilonLimit = epsilonLimit;
  }

  /** What the store holds, read by nobody's faults. */
  ledger(): Promise<Ledger> {
    return Ledger.open(this.#store, () => 0);
  }

  /** Charges of the run that are durable. */
  charges(): ChargeEvent[] {
    return this.#store.entries.flatMap(({ event }) => (event.kind === 'charge' && event.runId === runId ? [event] : []));
  }

  /** One life: opens the ledger, goes on from the checkpoint if there is one, and works until it ends, fails or dies. */
  async live(faults: ReadonlyMap<number, Fault> = new Map()): Promise<Life> {
    const life = ++this.lives;
    const control = new SessionControl();
    const points: FaultPoints = new FaultPoints(faults, async (act) => {
      if (act === 'another tab charges') return this.#chargeElsewhere();
      if (act === 'stop is asked') return control.stop();
      control.pause();
      setTimeout(() => control.resume());
    });
    const work = async (): Promise<LifeEnd> => {
      try {
        return { kind: 'ended', outcome: await this.#work(life, points, control) };
      } catch (error) {
        return { kind: 'failed', error };
      }
    };
    const end = await Promise.race([work(), points.death.then((): LifeEnd => ({ kind: 'died' }))]);
    return { end, points: points.passed, inFlight: points.inFlight };
  }

  /** Another tab, whose run is about the same people. */
  async #chargeElsewhere(): Promise<void> {
    const ledger = await this.ledger();
    await ledger.append([...cohorts, this.#budget]);
    await ledger.charge({ kind: 'charge', id: `elsewhere ${ledger.entries.length}`, cohortId: cohortIds.training, runId: 'another run', step: 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: 50 } });
  }

  get #budget() {
    return { kind: 'budget', id: 'budget', cohortIds: Object.values(cohortIds), epsilonLimit: this.#epsilonLimit, delta: this.plan.delta } as const;
  }

  async #work(life: number, points: FaultPoints, control: SessionControl): Promise<SessionOutcome> {
    const ledger = await Ledger.open(storeUnder(points, this.#store), () => 0);
    await ledger.append([...cohorts, this.#budget, { kind: 'run', id: `run ${life}`, runId, state: life === 1 ? 'started' : 'resumed' }]);
    let charge = 0;
    const charges = ledgerCharges(ledger, cohortIds, runId, () => `charge ${life}/${++charge}`);
    // A person who makes room, and resumes.
    const patient = <Result>(write: () => Promise<Result>) => whenThereIsRoom(control, () => setTimeout(() => control.resume()), write);
    const patientCharges: ChargePort = { charge: (...event) => patient(() => charges.charge(...event)) };
    let nowMs = 0;
    return runSession({
      runId, plan: this.plan, labels: ['a', 'b', 'c'],
      training: nanoUnits(trainingUnits, nanoClasses, 1), heldOut: nanoUnits(heldOutUnits, nanoClasses, 2),
      labelSentences: [0, 1, 2].map((label) => Int32Array.of(2, 5 + label, 5 + label, 3)),
      trainers: Array.from({ length: trainerCount }, (_, index) => trainerUnder(points, index)),
      charges: patientCharges,
      keys: this.#keysUnder(points, life),
      bounds: this.#bounds,
      checkpoints: {
        save: (checkpoint) =>
          patient(() =>
            points.around('checkpoint saved', async () => {
              this.checkpoint = structuredClone(checkpoint);
            }, true),
          ),
      },
      clock: () => points.aroundNow('clock', () => (nowMs += 10)),
      yields: () => points.around('turn', () => Promise.resolve()),
      control,
      onProgress: () => points.aroundNow('progress', () => undefined),
      resumeFrom: this.checkpoint && structuredClone(this.checkpoint),
      ...(this.#startsFrom ? { startsFrom: structuredClone(this.#startsFrom) } : {}),
    });
  }

  /** Another key for every life; whoever is given bytes of a noise tensor is taken to have released with them. */
  #keysUnder(points: FaultPoints, life: number): KeyStream {
    const stream = testStream(1000 + life);
    return {
      bytes: (step, tensor, byteCount) =>
        points.around(`key stream ${purposes[tensor] ?? 'draw'}`, async () => {
          const bytes = await stream.bytes(step, tensor, byteCount);
          const purpose = purposes[tensor];
          if (purpose) this.draws.push({ life, step, purpose, chargedBefore: this.charges().filter((charge) => charge.purpose === purpose && charge.step === step).length, bytes: String(bytes.slice(0, 16)) });
          return bytes;
        }),
    };
  }
}

/** A trainer whose every answer is a point. */
function trainerUnder(points: FaultPoints, index: number): Trainer {
  const trainer = createTrainer(createEngine(createReferenceOperations(), weights));
  const around = <Result>(name: string, call: () => Promise<Result>) => points.around(`trainer ${index} ${name}`, call);
  return {
    shape: trainer.shape,
    device: trainer.device,
    assign: (units, unit) => around('assign', () => trainer.assign(units, unit)),
    assignHeldOut: (rows) => around('assignHeldOut', () => trainer.assignHeldOut(rows)),
    prepareFeatures: (features, onRows, isLasting) => around('prepareFeatures', () => trainer.prepareFeatures(features, onRows, isLasting)),
    encode: (rows, features) => around('encode', () => trainer.encode(rows, features)),
    featureSum: () => around('featureSum', () => trainer.featureSum()),
    labelCounts: (classes) => around('labelCounts', () => trainer.labelCounts(classes)),
    centreFeatures: (mean, map) => around('centreFeatures', () => trainer.centreFeatures(mean, map)),
    headGradientSum: (weights, classes, clipNorm, biasInput) => around('headGradientSum', () => trainer.headGradientSum(weights, classes, clipNorm, biasInput)),
    plainHeadGradientSum: (head, units) => around('plainHeadGradientSum', () => trainer.plainHeadGradientSum(head, units)),
    scoreHead: (head) => around('scoreHead', () => trainer.scoreHead(head)),
    initialParameters: (adapter) => around('initialParameters', () => trainer.initialParameters(adapter)),
    configure: (adapter, isLasting) => around('configure', () => trainer.configure(adapter, isLasting)),
    loraGradientSum: (theta, units, clipNorm) => around('loraGradientSum', () => trainer.loraGradientSum(theta, units, clipNorm)),
    plainLoraGradientSum: (theta, units) => around('plainLoraGradientSum', () => trainer.plainLoraGradientSum(theta, units)),
    scoreLora: (theta) => around('scoreLora', () => trainer.scoreLora(theta)),
  };
}
