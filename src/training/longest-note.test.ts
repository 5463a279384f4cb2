import { describe, expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { stepTooLarge } from '../engine/step-planner.ts';
import { BedsideError } from '../ground/errors.ts';
import { testStream, watchedStream } from '../privacy/testing/streams.ts';
import { createTrainer } from './in-process-trainer.ts';
import type { PrivatePlan } from './plan.ts';
import { runSession } from './session.ts';
import { nanoEngine, nanoPlans, nanoSession, nanoUnits } from './testing/nano-session.ts';
import type { TokenizedUnit } from './trainer.ts';

/** How long a row may be for a step of it to have room. */
interface Room {
  fits: number;
}

/** An engine that refuses as the planner does: a step with a longer row than fits, by the length of that row. */
function narrow(engine: Engine, room: Room): Engine {
  const check = ({ offsets }: { readonly offsets: Int32Array }) => {
    let tokens = 0;
    for (let row = 1; row < offsets.length; row++) tokens = Math.max(tokens, offsets[row]! - offsets[row - 1]!);
    if (tokens > room.fits) throw stepTooLarge({ neededBytes: tokens * 2 ** 20, availableBytes: room.fits * 2 ** 20, tokens, fittingTokens: room.fits });
  };
  return {
    ...engine,
    encode: async (input, layers) => (check(input), engine.encode(input, layers)),
    hidden: async (input, layer) => (check(input), engine.hidden(input, layer)),
    logits: async (input) => (check(input), engine.logits(input)),
    clippedSum: (batches, grid) =>
      engine.clippedSum(async function* () {
        for await (const batch of batches()) {
          check(batch.input);
          yield batch;
        }
      }, grid),
  };
}

const count = 16;
const short = nanoUnits(count, 3, 1);
const longer = (unit: TokenizedUnit, tokens: number): TokenizedUnit => ({ ...unit, rows: unit.rows.map((row) => ({ ...row, ids: Int32Array.from({ length: tokens }, (_, i) => row.ids[i % row.ids.length]!) })) });
/** Of up to 16 tokens, as the plans have it. */
const dataSets: Readonly<Record<string, readonly TokenizedUnit[]>> = {
  'short notes': short,
  'the same in another order': short.map((_, place) => ({ ...short[(place * 5) % count]!, unit: place })),
  'one note of the greatest length': short.map((unit, place) => (place === 10 ? longer(unit, 16) : unit)),
  'one of nearly that': short.map((unit, place) => (place === 10 ? longer(unit, 12) : unit)),
  'long notes alone': short.map((unit) => longer(unit, 16)),
};
const plans: readonly [PrivatePlan, PrivatePlan] = [nanoPlans.fullBatch(count, { steps: 2 }), nanoPlans.dpSgd(count, { steps: 3, expectedBatchSize: count })];

async function live(plan: PrivatePlan, training: readonly TokenizedUnit[], room: Room, spareSteps = Infinity) {
  const keys = watchedStream(testStream(1));
  const { input, ledger, checkpoints } = nanoSession(plan, { training, keys, trainers: [createTrainer(narrow(nanoEngine(), room))] });
  const saves = { save: async (...checkpoint: Parameters<typeof checkpoints.save>) => {
    await checkpoints.save(...checkpoint);
    if (checkpoint[0].step === spareSteps) room.fits = 2;
  } };
  const end = await runSession({ ...input, checkpoints: saves }).catch((error: unknown) => {
    if (!(error instanceof BedsideError)) throw error;
    return error;
  });
  return { end, told: end instanceof BedsideError ? { code: end.code, family: end.family, message: end.message, hint: end.hint, values: end.values } : null, charges: ledger.charges.length, draws: keys.calls.length, saved: checkpoints.saved.length };
}

describe.each(plans)('a device with room for shorter notes than a $kind plan allows', (plan) => {
  it('is refused for the greatest length of the plan before anything is charged, by one error whatever the notes are', async () => {
    for (const [name, training] of Object.entries(dataSets)) {
      const { told, charges, draws, saved } = await live(plan, training, { fits: 15 });
      expect(told, name).toMatchObject({ code: 'device/step-too-large', values: { tokens: 16, fits: 15 } });
      expect([charges, draws, saved], name).toEqual([0, 0, 0]);
    }
  });

  it('is as good as any other for a plan whose greatest length has room', async () => {
    for (const [name, training] of Object.entries(dataSets)) expect((await live(plan, training, { fits: 16 })).end, name).toMatchObject({ state: 'finished' });
  });
});

it('memory that is gone in the middle of a run is told by the greatest length, whatever notes wanted it', async () => {
  const [, plan] = plans;
  for (const [name, training] of Object.entries(dataSets)) {
    const { told, charges, saved } = await live(plan, training, { fits: 16 }, 2);
    expect(told, name).toEqual({
      code: 'device/memory-gone', family: 'device', message: 'There is too little memory left for notes of up to 16 tokens: less than when the run began.',
      hint: 'Close other tabs and resume; or start a new run with a shorter maximum length or a smaller model.', values: { tokens: 16 },
    });
    // Two steps were released, and the third was not charged.
    expect([charges, saved], name).toEqual([2, 3]);
  }
});
