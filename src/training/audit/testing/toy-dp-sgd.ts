/** DP-SGD on coordinates in place of an encoder, for tests: a unit with rows pushes one coordinate of theta, a canary's own. Everything but the gradient is the real session's. */
import { nanoShape } from '../../../engine/model/nano.ts';
import { parameterLayout } from '../../../engine/parameters.ts';
import type { KeyStream } from '../../../privacy/key-stream.ts';
import { createGradientAccumulator } from '../../../privacy/clipping.ts';
import type { DpSgdPlan } from '../../plan.ts';
import { dpSgdPlan } from '../../propose.ts';
import { SessionControl } from '../../session-control.ts';
import { runSession } from '../../session.ts';
import type { TokenizedUnit, Trainer } from '../../trainer.ts';
import { nanoFacts } from '../../testing/nano-session.ts';

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
    scoreLora: async (theta) => Float32Array.from(scored.flatMap((ids) => [theta[ids[0]!]!, 0])),
    prepareFeatures: unsupported, featureSum: unsupported, labelCounts: unsupported, centreFeatures: unsupported, headGradientSum: unsupported, plainHeadGradientSum: unsupported, scoreHead: unsupported, plainLoraGradientSum: unsupported,
  };
}

/** One DP-SGD training of the canaries whose coin says so. The score of each is how far its coordinate rose: [m]. */
export async function scoreToyCanaries(plan: DpSgdPlan, isIn: readonly boolean[], keys: KeyStream): Promise<Float64Array> {
  const rows = Array.from({ length: toyCanaries }, (_, canary) => [{ label: 0, ids: Int32Array.of(canary) }]);
  const { heldOutLogits } = await runSession({
    runId: 'audit', plan, labels: ['a', 'b'],
    training: rows.map((own, unit) => ({ unit, rows: isIn[unit] ? own : [] })),
    heldOut: rows.map((own, unit) => ({ unit, rows: own })),
    labelSentences: [Int32Array.of(0), Int32Array.of(1)],
    trainers: [toyTrainer()], charges: { charge: () => Promise.resolve() }, keys, checkpoints: { save: () => Promise.resolve() },
    clock: () => 0, yields: () => Promise.resolve(), control: new SessionControl(), onProgress: () => undefined, resumeFrom: null,
  });
  return Float64Array.from({ length: toyCanaries }, (_, canary) => heldOutLogits.value[2 * canary]!);
}
