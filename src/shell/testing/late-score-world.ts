/** For tests: a finished run that is given its score later, and one click for it with faults at chosen points. */
import type { Note } from '../../data/table.ts';
import { nanoModel } from '../../engine/model/nano.ts';
import { createTokenizer } from '../../engine/tokenizer.ts';
import { cohortsOf, type HashedRow } from '../../privacy/cohort.ts';
import type { ChargeEvent } from '../../privacy/events.ts';
import type { KeyStream } from '../../privacy/key-stream.ts';
import { Ledger } from '../../privacy/ledger.ts';
import { createMemoryLedgerStore } from '../../privacy/memory-ledger-store.ts';
import { testStream } from '../../privacy/testing/streams.ts';
import { unitHash } from '../../privacy/unit-hash.ts';
import { chargesOfRun } from '../../training/charged-parts.ts';
import { evaluateHeldOut } from '../../training/evaluate.ts';
import { ledgerCharges } from '../../training/ledger-charges.ts';
import { plannedCharges } from '../../training/planned-charges.ts';
import { statementAtEnd } from '../../training/statement.ts';
import { nanoPlans } from '../../training/testing/nano-session.ts';
import type { TrainedHead } from '../../training/trained-model.ts';
import type { RunResults } from '../bedside.service.ts';
import { chargeScore, type LateScoreParts } from '../late-score.ts';
import { summaryOfRun } from '../project-summary.ts';
import { FaultPoints, secretText, storeUnder, type Fault, type Point } from './fault-points.ts';

const runId = 'run';
const labels = ['a', 'b', 'c'];
const trainingUnits = 9;
const steps = 3;
const plan = nanoPlans.fullBatch(trainingUnits, { steps, featureLayers: [1], featureWeights: [1], validationEpsilon: null });
const model: TrainedHead = { kind: 'head', labels, maximumLength: plan.maximumLength, features: { layers: [1], weights: [1], isUnitLength: true }, mean: new Float32Array(4), biasInput: 0.3, weights: new Float32Array(3 * 5) };
const heldOut: readonly Note[] = Array.from({ length: 6 }, (_, id) => ({ id, row: id + 2, text: `${secretText} ${id}`, label: labels[id % 3]!, person: null, groups: {} }));
/** Four of six rows are right. */
const logitsOf = (rows: number) => Float32Array.from({ length: 3 * rows }, (_, i) => (i % 3 === (i < 12 ? Math.floor(i / 3) % 3 : (Math.floor(i / 3) + 1) % 3) ? 1 : 0));
const { tokenizerJson, tokenizerConfigJson } = nanoModel(1);
const tokenizer = createTokenizer(tokenizerJson, tokenizerConfigJson);

const key = new Uint8Array(32).fill(1);
const hashed = (part: string, count: number): HashedRow[] => Array.from({ length: count }, (_, i) => ({ row: unitHash(key, 'row', `${part} ${i}`), person: null }));
const { events: cohorts } = cohortsOf({ unit: 'row', keyId: 'key', training: hashed('training', trainingUnits), heldOut: hashed('held-out', heldOut.length), declarationId: null, personNaming: null });
const cohortIds = { training: cohorts[0].cohortId, 'held-out': cohorts[1].cohortId };
const nothing = { low: 0, central: 0, high: 0 };

/** Noise that was made for a score. */
export interface ScoreDraw {
  /** Charges for a score that were durable when it was made. */
  readonly chargedBefore: number;
  readonly bytes: string;
}

export type ClickEnd = { readonly kind: 'died' } | { readonly kind: 'failed'; readonly error: unknown } | { readonly kind: 'scored'; readonly results: RunResults };

export class LateScoreWorld {
  readonly draws: ScoreDraw[] = [];
  /** As they are kept. */
  results: RunResults;
  clicks = 0;
  readonly #store = createMemoryLedgerStore();

  private constructor(results: RunResults) {
    this.results = results;
  }

  /** A run that has ended without a score, each of its releases charged. */
  static async open(): Promise<LateScoreWorld> {
    const training = plannedCharges(plan, trainingUnits, labels.length);
    const record = { id: runId, projectId: 'project', number: 1, state: 'finished', plan, startedAtMs: 0, seconds: 1, stepsDone: steps, steps, epsilonRun: 3, energyWh: nothing, carbonGrams: nothing, accuracy: null, macroF1: null, points: [], device: '', savedAtMs: null } as const;
    const world = new LateScoreWorld({
      ...evaluateHeldOut(logitsOf(heldOut.length), heldOut, labels, [], 1).value,
      run: summaryOfRun(record), labels, releasedAccuracy: null, energyWh: nothing, carbonGrams: nothing,
      statement: statementAtEnd(plan, { unit: 'row', trainingUnits, classes: labels.length }, { stepsDone: steps, model }, { training, heldOut: [] }),
    });
    const ledger = await world.ledger();
    await ledger.append([...cohorts, { kind: 'budget', id: 'budget', cohortIds: Object.values(cohortIds), epsilonLimit: 100, delta: plan.delta }, { kind: 'run', id: 'started', runId, state: 'started' }]);
    let id = 0;
    for (const { mechanism, count } of training) for (let step = 0; step < count; step++) await ledger.charge({ kind: 'charge', id: `training ${++id}`, cohortId: cohortIds.training, runId, step, purpose: 'gradient', mechanism });
    return world;
  }

  /** What the store holds, read by nobody's faults. */
  ledger(): Promise<Ledger> {
    return Ledger.open(this.#store, () => 0);
  }

  /** Charges for scores that are durable. */
  charges(): ChargeEvent[] {
    return this.#store.entries.flatMap(({ event }) => (event.kind === 'charge' && event.purpose === 'charged-validation' ? [event] : []));
  }

  /** One click, until the score is kept, or it fails or dies. */
  async click(faults: ReadonlyMap<number, Fault> = new Map()): Promise<{ readonly end: ClickEnd; readonly points: readonly Point[] }> {
    const click = ++this.clicks;
    const points = new FaultPoints(faults, () => this.#chargeElsewhere());
    const work = async (): Promise<ClickEnd> => {
      try {
        const scored = await chargeScore(this.#parts(points, click));
        await points.around('results kept', async () => {
          this.results = structuredClone(scored);
        }, true);
        return { kind: 'scored', results: scored };
      } catch (error) {
        return { kind: 'failed', error };
      }
    };
    const end = await Promise.race([work(), points.death.then((): ClickEnd => ({ kind: 'died' }))]);
    return { end, points: points.passed };
  }

  #parts(points: FaultPoints, click: number): LateScoreParts {
    return {
      run: { state: 'finished', stepsDone: steps }, plan, project: { sentences: {} }, dataset: { labels }, split: { training: [], heldOut }, trainingUnits, model: { model }, results: this.results,
      encoder: { tokenizer: { ...tokenizer, encode: (text, maximumLength) => points.aroundNow('tokenizer', () => tokenizer.encode(text, maximumLength)) } },
      crew: { modelLogits: (_, rows) => points.around('model asked', async () => logitsOf(rows.length)) },
      openLedger: () => points.around('ledger opened', () => this.#openRun(points, click)),
      createKeys: () => points.around('key made', async () => this.#keysUnder(points, click)),
    };
  }

  async #openRun(points: FaultPoints, click: number): ReturnType<LateScoreParts['openLedger']> {
    const ledger = await Ledger.open(storeUnder(points, this.#store), () => 0);
    await ledger.append([{ kind: 'run', id: `resumed ${click}`, runId, state: 'resumed' }]);
    let charge = 0;
    return {
      charges: ledgerCharges(ledger, cohortIds, runId, () => `charge ${click}/${++charge}`),
      charged: () => chargesOfRun(ledger.entries.map(({ event }) => event), runId),
      end: (state) => ledger.append([{ kind: 'run', id: `ended ${click}`, runId, state }]),
    };
  }

  #keysUnder(points: FaultPoints, click: number): KeyStream {
    const stream = testStream(1000 + click);
    return {
      bytes: (step, tensor, byteCount) =>
        points.around('key stream', async () => {
          const bytes = await stream.bytes(step, tensor, byteCount);
          this.draws.push({ chargedBefore: this.charges().length, bytes: String(bytes.slice(0, 16)) });
          return bytes;
        }),
    };
  }

  /** Another tab scores a model of its own on the same notes. */
  async #chargeElsewhere(): Promise<void> {
    const ledger = await this.ledger();
    await ledger.charge({ kind: 'charge', id: `elsewhere ${ledger.entries.length}`, cohortId: cohortIds['held-out'], runId: 'another run', step: 1, purpose: 'gradient', mechanism: { kind: 'gaussian', noiseMultiplier: 50 } });
  }
}
