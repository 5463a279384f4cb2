import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openGuardHere, type GuardHere } from './testing/guard-here.ts';

describe('a graphics device that is lost during a run', () => {
  let here: GuardHere;
  beforeEach(async () => {
    here = await openGuardHere('webgpu');
  });
  afterEach(() => here.close());

  it('is replaced, and the run goes on to its end with each step charged once', async ({ skip }) => {
    if ((await here.crew.device()).backend !== 'webgpu') skip('no WebGPU');
    const { id, run, runId } = await here.start(({ maximumLength: _, unit, heldOutShare, seed, delta }) => ({
      kind: 'dp-sgd', maximumLength: 24, unit, heldOutShare, seed, delta, epsilon: 1, steps: 40, expectedBatchSize: 20, clipNorm: 0.5, learningRate: 0.005, validationEpsilon: null,
      lora: { rank: 2, alpha: 4, targets: ['query'], layers: [1] },
    }));
    // The first loss gets another device of its kind, the second is answered by WASM.
    await here.crew.links[0]!.call((host) => host.loseDevice());
    await run.pastStep(15);
    expect(await here.crew.links[0]!.call((host) => host.device())).toContain('WebGPU');
    await here.crew.links[0]!.call((host) => host.loseDevice());
    expect(await run.end).toMatchObject({ kind: 'finished' });
    expect(await here.crew.links[0]!.call((host) => host.device())).toContain('WebAssembly');
    await here.guard.classify(id, runId, 'a note');
    const { entries, isChainIntact } = await here.guard.ledger();
    expect(isChainIntact).toBe(true);
    expect(entries.filter(({ event }) => event.kind === 'charge' && event.purpose === 'gradient')).toHaveLength(40);
  });
});
