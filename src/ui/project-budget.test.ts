import { describe, expect, it } from 'vitest';
import { hardStopOf, partStopsOf } from '../state/hard-stop.ts';
import { ProjectState } from '../state/project.svelte.ts';
import { FakeService } from './testing/fake-service.ts';

describe('the budget of an open project', () => {
  async function opened() {
    const service = new FakeService({ scene: 'fresh', delayMs: 0, stepMs: 0 });
    const state = new ProjectState(service, await service.openProject('project-1'));
    await state.loadBudget();
    await state.propose();
    return { service, state };
  }

  it('is what the ledger says once the run has ended, not what the run last said', async () => {
    const { service, state } = await opened();
    await state.run.start(state.plan!, 0, 1);
    await expect.poll(() => state.run.view.kind).toBe('finished');
    await service.exportProject('project-1', 1);
    await state.loadBudget();
    expect(state.budget!.epsilonLimit).toBe(3);
  });

  it('brings a new plan where the limit was raised or the people declared to be others', async () => {
    const { service, state } = await opened();
    const propose = service.proposePlan;
    let epsilon = 0.5;
    service.proposePlan = async (...given) => {
      const proposal = await propose(...given);
      return { ...proposal, plan: { ...proposal.alternatives['full-batch-head'], epsilon } };
    };
    await state.raiseLimit(5);
    expect(state.plan).toMatchObject({ epsilon: 0.5 });
    epsilon = 2;
    expect(await state.declareDisjoint()).toBe(false);
    expect(state.plan).toMatchObject({ epsilon: 2 });
    const declare = service.declareDisjoint;
    service.declareDisjoint = async (...given) => ({ ...(await declare(...given)), epsilonHeldOut: 0.7 });
    expect(await state.declareDisjoint()).toBe(true);
  });

  it('ends at what a copy brought along, where that is less than the limit', () => {
    expect(hardStopOf({ epsilonLimit: 4, epsilonSpent: 1.5, allowance: { epsilon: 1, epsilonSpent: 0.4 } })).toBeCloseTo(2.1);
    expect(hardStopOf({ epsilonLimit: 4, epsilonSpent: 1.5, allowance: { epsilon: 9, epsilonSpent: 0 } })).toBe(4);
    expect(hardStopOf({ epsilonLimit: 4, epsilonSpent: 1.5, allowance: null })).toBe(4);
  });

  it('ends for each part at what that part has spent and the rest of what a copy brought along', () => {
    const budget = { epsilonLimit: 4, epsilonSpent: 1.5, epsilonTraining: 0.5, epsilonHeldOut: 1.5, allowance: { epsilon: 1, epsilonSpent: 0.4 } };
    expect(partStopsOf(budget).training).toBeCloseTo(1.1);
    expect(partStopsOf(budget).heldOut).toBeCloseTo(2.1);
    // A stand-in that tells no parts; a copy of ε 1 that has spent nothing.
    expect(partStopsOf({ epsilonLimit: 4, epsilonSpent: 0, epsilonHeldOut: 0, allowance: { epsilon: 1, epsilonSpent: 0 } })).toEqual({ training: 1, heldOut: 1 });
    expect(partStopsOf({ ...budget, allowance: null })).toEqual({ training: 4, heldOut: 4 });
  });
});
