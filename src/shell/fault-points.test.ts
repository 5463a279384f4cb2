import { describe, expect, it } from 'vitest';
import { errorToPlain } from '../ground/errors.ts';
import { KnownBounds } from '../privacy/known-bounds.ts';
import { isPrivate, type PrivatePlan } from '../training/plan.ts';
import { trainOnPlan } from '../training/train-on.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import { nanoPlans } from '../training/testing/nano-session.ts';
import { faults, secretText, writeFaults, type Fault, type Point } from './testing/fault-points.ts';
import { FaultWorld, trainingUnits, type Life } from './testing/fault-world.ts';

const fresh: readonly PrivatePlan[] = [
  nanoPlans.fullBatch(trainingUnits, { steps: 3, featureLayers: [1], featureWeights: [1] }),
  nanoPlans.fullBatch(trainingUnits, { steps: 1, featureLayers: [1], featureWeights: [1], balance: { countShare: 0.05, strength: 0.5 } }),
  nanoPlans.dpSgd(trainingUnits, { steps: 3, expectedBatchSize: trainingUnits / 3, lora: { rank: 1, alpha: 2, targets: ['query'], layers: [0] } }),
];

/** What a plan goes on from. */
const starts = new Map<PrivatePlan, TrainedModel>();

/** The plan that goes on from the end of a run that nothing happened to. */
async function goingOnFrom(plan: PrivatePlan): Promise<PrivatePlan> {
  const { end } = await new FaultWorld(plan).live();
  if (end.kind !== 'ended' || !end.outcome.model) throw new Error('the earlier run left no model');
  const further = trainOnPlan({ id: 'an earlier run', number: 1, plan, stepsDone: plan.steps, trainingUnits, classes: 3 });
  if (!isPrivate(further)) throw new Error('a private run goes on privately');
  starts.set(further, end.outcome.model);
  return further;
}

const plans = [...fresh, await goingOnFrom(nanoPlans.fullBatch(trainingUnits, { steps: 10, featureLayers: [1], featureWeights: [1] }))];

/** Charged at least what was released, at every moment of every life, by a chain that is sound. */
async function expectLedgerCovers(world: FaultWorld): Promise<void> {
  const { isChainIntact } = await world.ledger();
  expect(isChainIntact).toBe(true);
  for (const [index, { step, purpose, chargedBefore }] of world.draws.entries()) {
    const drawnBefore = world.draws.slice(0, index).filter((draw) => draw.step === step && draw.purpose === purpose).length;
    expect(chargedBefore, `${purpose} of step ${step}`).toBeGreaterThan(drawnBefore);
  }
  // Each to the part whose notes it read: they are counted apart.
  for (const { purpose, cohortId } of world.charges()) expect(cohortId, purpose).toBe(`${world.splitId}/${purpose === 'charged-validation' ? 'held-out' : 'training'}`);
  // What is kept was released: each of its steps has noise of its own.
  for (let step = 1; step <= (world.checkpoint?.step ?? 0); step++) expect(world.draws.some((draw) => draw.purpose === 'gradient' && draw.step === step)).toBe(true);
  // No two draws have the same bytes: no key was used in two lives, and none twice in one.
  expect(new Set(world.draws.map(({ bytes }) => bytes)).size).toBe(world.draws.length);
}

function expectNothingOfNotes(life: Life): void {
  if (life.end.kind !== 'failed') return;
  const { message, hint, values } = errorToPlain(life.end.error);
  expect(JSON.stringify([message, hint, values])).not.toContain(secretText);
  expect(message.length).toBeGreaterThan(10);
}

for (const plan of plans) {
  const { steps } = plan;
  const isBalanced = plan.kind === 'full-batch-head' && plan.balance !== undefined;
  const goesOn = plan.continues !== undefined;
  // One that goes on has its mean from before, and no score that may leave.
  const planned = goesOn ? steps : steps + 1 + (plan.kind === 'full-batch-head' ? 1 : 0) + (isBalanced ? 1 : 0);
  const bounds = new KnownBounds();
  const newWorld = (epsilonLimit = 100) => new FaultWorld(plan, epsilonLimit, bounds, starts.get(plan));
  // A run that nothing happens to passes the points; one that is added to the code is tried as well.
  const untouched = newWorld();
  const whole = await untouched.live();
  const places = [...whole.points.entries()];
  const writes = places.filter(([, { isWrite }]) => isWrite);
  const charges = writes.filter(([, { name }]) => name.includes('(charge)'));

  /** Resumes until nothing more goes wrong: the run comes to its end, and each time that it was cut off cost one charge at most. */
  async function expectResumes(world: FaultWorld, life: Life): Promise<void> {
    await expectLedgerCovers(world);
    expectNothingOfNotes(life);
    const last = life.end.kind === 'ended' ? life : await world.live();
    await expectLedgerCovers(world);
    if (last.end.kind !== 'ended') throw last.end.kind === 'failed' ? last.end.error : new Error('died without a fault');
    expect(last.end.outcome).toMatchObject({ state: 'finished', stepsDone: steps });
    expect(last.end.outcome.releasedAccuracy === null).toBe(goesOn);
    expect(world.checkpoint?.step).toBe(steps);
    const charged = world.charges().length;
    expect(charged).toBeGreaterThanOrEqual(planned);
    expect(charged).toBeLessThanOrEqual(planned + world.lives - 1);
  }

  async function eachOf(points: readonly (readonly [number, Point])[], fault: Fault, check: (world: FaultWorld, life: Life, point: Point) => Promise<void>): Promise<void> {
    for (const [index, point] of points) {
      const world = newWorld();
      const life = await world.live(new Map([[index, fault]]));
      await check(world, life, point).catch((error: unknown) => {
        throw new Error(`${fault} at point ${index}, ${point.name}`, { cause: error });
      });
    }
  }

  // Some hundred lives a test: seconds where nothing else works.
  describe(`a run of ${plan.kind}${isBalanced ? ', balanced' : ''}${goesOn ? ' that goes on from another' : ''}, which passes ${places.length} points, ${writes.length} of them writes`, { timeout: 300_000 }, () => {
    it('is charged once for each release where nothing goes wrong', async () => {
      await expectResumes(untouched, whole);
      expect(untouched.charges()).toHaveLength(planned);
      expect(untouched.draws).toHaveLength(planned);
      expect(places.length).toBeGreaterThan(60);
      expect(charges).toHaveLength(planned);
    });

    for (const fault of faults) {
      it(`goes on where it ${fault}: tried at ${places.length} points`, () =>
        eachOf(places, fault, async (world, life, { name }) => {
          // A ledger that could not be read is read again before anything is written.
          expect(life.end.kind === 'ended').toBe(name === 'ledger read' && fault.startsWith('fails'));
          await expectResumes(world, life);
        }));
    }

    for (const fault of writeFaults) {
      it(`goes on where ${fault}: tried at ${writes.length} writes`, () =>
        eachOf(writes, fault, async (world, life) => {
          const isPatient = fault === 'the disk is full';
          const chargedBefore = world.charges().length;
          // Whoever makes room goes on without a new life; the first write, before the run is entered, just fails.
          if (isPatient && chargedBefore > 0) expect(life.end.kind).toBe('ended');
          await expectResumes(world, life);
          // What was undone was no charge; what a checkpoint would have kept is charged again.
          if (isPatient || chargedBefore === 0) expect(world.charges()).toHaveLength(planned);
        }));
    }

    const recoveries = charges.flatMap(([index]) => (['fails after', 'the write is undone', 'another tab charges'] as const).flatMap((first) => [...faults, 'the disk is full' as const].map((second) => ({ index, first, second }))));
    it(`goes on where something more goes wrong while the ledger is read again after a write that failed: tried ${recoveries.length} times`, async () => {
      for (const { index, first, second } of recoveries) {
        const world = newWorld();
        const life = await world.live(new Map([[index, first], [index + 1, second]]));
        expect(life.points[index + 1]!.name).toBe('ledger read');
        await expectResumes(world, life);
      }
    });

    // Each point of a first life with some of a second one, other ones each time.
    const twice = places.flatMap(([first]) => [0, 1].map((turn) => ({ first, second: (first * 7 + turn * 29) % places.length, fault: faults[(first + turn) % faults.length]! })));
    it(`goes on where it dies, and its second life is cut off as well: tried ${twice.length} times`, async () => {
      for (const { first, second, fault } of twice) {
        const world = newWorld();
        await world.live(new Map([[first, 'dies after']]));
        const life = await world.live(new Map([[second, fault]]));
        await expectResumes(world, life);
      }
    });

    it(`never goes past a limit that the plan fills: tried at ${charges.length} charges`, async () => {
      const trainingCharges = (world: FaultWorld) => world.charges().filter(({ purpose }) => purpose !== 'charged-validation');
      for (const [index] of charges) {
        const world = newWorld(plan.epsilon);
        await world.live(new Map([[index, 'dies after']]));
        const { end } = await world.live();
        await expectLedgerCovers(world);
        // A charge that was lost is missing at the end: the run stops there, and keeps what was released.
        if (end.kind !== 'ended') throw new Error(end.kind);
        expect(trainingCharges(world)).toHaveLength(goesOn ? planned : planned - 1);
        expect(end.outcome.stepsDone).toBe(world.draws.filter(({ purpose }) => purpose === 'gradient').length);
        expect(end.outcome.reason).toBe(end.outcome.stepsDone === steps ? null : 'budget');
      }
    });

    it(`goes on where another tab charges in between: tried at ${charges.length} charges`, () =>
      eachOf(charges, 'another tab charges', async (world, life) => {
        expect(life.end.kind).toBe('ended');
        await expectResumes(world, life);
        expect((await world.ledger()).entries.filter(({ event }) => event.kind === 'charge')).toHaveLength(planned + 1);
      }));

    it(`goes on where a pause is asked: tried at ${places.length} points`, () =>
      eachOf(places, 'pause is asked', async (world, life) => {
        expect(life.end.kind).toBe('ended');
        await expectResumes(world, life);
      }));

    it(`ends with what was released where a stop is asked: tried at ${places.length} points`, () =>
      eachOf(places, 'stop is asked', async (world, life) => {
        await expectLedgerCovers(world);
        expectNothingOfNotes(life);
        const gradients = world.draws.filter(({ purpose }) => purpose === 'gradient').length;
        if (life.end.kind === 'ended') expect(life.end.outcome.stepsDone).toBe(gradients);
        else expect(life.end).toMatchObject({ kind: 'failed', error: { code: 'training/stopped-early' } });
        expect(world.charges()).toHaveLength(world.draws.length);
      }));
  });
}
