import { describe, expect, it } from 'vitest';
import { hardStopOf } from '../state/hard-stop.ts';
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
});
