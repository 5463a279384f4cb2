/** DP-SGD on coordinates in place of an encoder, for tests: a unit with rows pushes one coordinate of theta, a canary's own. Everything but the gradient is the real session's. */
import { nanoShape } from '../../../engine/model/nano.ts';
import { parameterLayout } from '../../../engine/parameters.ts';
import type { KeyStream } from '../../../privacy/key-stream.ts';
import { createGradientAccumulator } from '../../../privacy/clipping.ts';
import { KnownBounds } from '../../../privacy/known-bounds.ts';
import type { DpSgdPlan } from '../../plan.ts';
import { dpSgdPlan } from '../../propose.ts';
import { dpSgdMechanism } from '../../run-dp-sgd.ts';
import type { TokenizedUnit, Trainer } from '../../trainer.ts';
import { nanoFacts } from '../../testing/nano-session.ts';
import { guessedPlantedShare, scorePlanted } from '../adapter-audit.ts';
import { adapterTraining } from '../adapter-training.ts';
import type { CanaryResult } from '../audit-report.ts';
import type { AuditWorld, WrapTrainer } from '../audit-training.ts';
import { canaryResult, tossCoins, type CanaryScores } from '../canary-audit.ts';
import { quickStream } from './audit-scene.ts';

const classes = 2;
const lora = { rank: 2, alpha: 4, targets: ['query', 'value'], layers: [0, 1] } as const;

/** Canaries of one training: a coordinate each, and no other unit, so that their number is public and the sampling rate follows from the batch. */
export const toyCanaries = 256;

export function toyPlan(changes: Partial<DpSgdPlan>): DpSgdPlan {
  return { ...dpSgdPlan(nanoFacts(toyCanaries)), lora, validationEpsilon: null, ...changes };
}

function unsupported(): never {
  throw new Error('The toy trains coordinates alone.');
}

function toyTrainer(): Trainer {
  let units: readonly TokenizedUnit[] = [];
  let scored: readonly Int32Array[] = [];
  const length = () => parameterLayout(nanoShape, { classes, lora }).length;
  return {
    device: 'toy',
    shape: nanoShape,
    assign: async (assigned) => { units = assigned; },
    assignHeldOut: async (rows) => { scored = rows; },
    encode: async (rows) => new Float32Array(rows.length * nanoShape.width).fill(1),
    initialParameters: async () => new Float32Array(0),
    configure: async () => undefined,
    async loraGradientSum(theta, wanted, clipNorm) {
      const accumulator = createGradientAccumulator({ length: length(), clipNorm });
      for (const number of wanted) {
        const gradient = new Float32Array(theta.length);
        // Far above the clip norm; down, so that theta rises.
        for (const { ids } of units[number]!.rows) gradient[ids[0]!] = -100;
        accumulator.addUnit(gradient);
      }
      return accumulator.result();
    },
    async plainLoraGradientSum(theta, wanted) {
      const sum = new Float64Array(theta.length);
      for (const number of wanted) for (const { ids } of units.find(({ unit }) => unit === number)!.rows) sum[ids[0]!]! -= 100;
      return { sum, rowCount: wanted.length };
    },
    scoreLora: async (theta) => Float32Array.from(scored.flatMap((ids) => [theta[ids[0]!]!, 0])),
    prepareFeatures: unsupported, featureSum: unsupported, labelCounts: unsupported, centreFeatures: unsupported, headGradientSum: unsupported, plainHeadGradientSum: unsupported, scoreHead: unsupported,
  };
}

/** Planted units, each with a coordinate of its own. */
const planted: readonly TokenizedUnit[] = Array.from({ length: toyCanaries }, (_, unit) => ({ unit, rows: [{ label: unit % classes, ids: Int32Array.of(unit) }] }));

export interface ToyFaults {
  /** The stream of a training, by its number. */
  readonly keys?: (training: number) => KeyStream;
  readonly wrap?: WrapTrainer;
  /** Trainings of one audit. */
  readonly trainings?: number;
}

/** Shared by all audits: what a plan comes to is worked out once. */
const bounds = new KnownBounds();

/** One audit by planted units of a training by `done`, held against what `claimed` claims. */
export async function auditToy(claimed: DpSgdPlan, done: DpSgdPlan, random: () => number, { keys, wrap = (trainer) => trainer, trainings = 2 }: ToyFaults = {}): Promise<CanaryResult> {
  let made = 0;
  const world: AuditWorld = { createKeys: () => keys?.(made++) ?? quickStream(Math.floor(random() * 2 ** 32)), yields: () => Promise.resolve(), clock: () => 0 };
  const training = adapterTraining({ trainers: [wrap(toyTrainer())], labels: ['a', 'b'], labelSentences: [Int32Array.of(0), Int32Array.of(1)], world, bounds });
  const runs: CanaryScores[] = [];
  for (let run = 0; run < trainings; run++) runs.push(await scorePlanted({ training, beside: [], planted, classes }, done, tossCoins(planted.length, random)));
  return canaryResult(runs, claimed.delta, dpSgdMechanism(claimed, planted.length).samplingRate === 1, guessedPlantedShare);
}
