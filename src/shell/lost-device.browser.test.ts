import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DpSgdPlan, FullBatchHeadPlan } from '../training/plan.ts';
import { trainingLockName } from './live-runs.ts';
import { openGuardHere, type GuardHere } from './testing/guard-here.ts';
import { listen, type Listening } from './testing/service-scenes.ts';

const planOf = ({ unit, heldOutShare, seed, delta }: FullBatchHeadPlan, steps: number): DpSgdPlan => ({
  kind: 'dp-sgd', maximumLength: 24, unit, heldOutShare, seed, delta, epsilon: 1, steps, expectedBatchSize: 20, clipNorm: 0.5, learningRate: 0.005, validationEpsilon: null,
  lora: { rank: 2, alpha: 4, targets: ['query'], layers: [1] },
});

/** Devices that the page was told of, in their order. */
const devicesOf = ({ messages }: Listening) => [...new Set(messages.flatMap((message) => (message.kind === 'progress' && message.progress.device ? [message.progress.device.name.split(/[ ,]/)[0]] : [])))];

// Each loss opens and checks a device anew, whose kernels compile again.
describe('a graphics device that is lost', { timeout: 300_000 }, () => {
  let here: GuardHere;
  beforeEach(async () => {
    here = await openGuardHere('webgpu');
  });
  afterEach(() => here.close());

  const lose = () => here.crew.links[0]!.call((host) => host.loseDevice());
  const runOf = async (end: Listening['end']) => {
    const message = await end;
    if (message.kind !== 'finished') throw new Error(message.kind);
    return message.run;
  };

  it('during a run is replaced, and the run goes on to its end with each step charged once', async ({ skip }) => {
    if ((await here.crew.device()).backend !== 'webgpu') skip('no WebGPU');
    const { id, run, runId } = await here.start((proposed) => planOf(proposed, 80));
    // The first loss gets another device of its kind, the second is answered by WASM.
    await lose();
    await run.pastStep(15);
    expect(await here.crew.device()).toMatchObject({ backend: 'webgpu', reason: 'chosen', mismatch: null });
    await lose();
    const { checkedDevice } = await runOf(run.end);
    const report = await here.crew.device();
    expect(report).toMatchObject({ backend: 'wasm', device: { workers: 1 }, reason: 'device-lost', mismatch: null });
    expect(report.device.name).toContain('WebAssembly');
    expect(report.checks.filter(({ backend, passed }) => backend !== 'wasm' || !passed)).toEqual([]);
    expect(here.crew.checked).toMatchObject({ backend: 'wasm', hasGolden: true, refused: [] });
    expect(devicesOf(run)).toEqual(['WebGPU', 'WebAssembly']);
    // It was begun on the graphics chip.
    expect(checkedDevice).toMatchObject({ backend: 'webgpu', hasGolden: true });
    await here.guard.classify(id, runId, 'a note');
    const { entries, isChainIntact } = await here.guard.ledger();
    expect(isChainIntact).toBe(true);
    expect(entries.filter(({ event }) => event.kind === 'charge' && event.purpose === 'gradient')).toHaveLength(80);
  });

  it('between two runs leaves the second with what it is really made on', async ({ skip }) => {
    if ((await here.crew.device()).backend !== 'webgpu') skip('no WebGPU');
    const { id, plan } = await here.propose();
    await here.guard.setBudget(id, 100);
    const train = async () => {
      const run = listen();
      await navigator.locks.request(trainingLockName, () => undefined);
      await here.guard.startRun(id, planOf(plan, 10), run.onMessage);
      return { run, record: await runOf(run.end) };
    };
    await here.guard.forecast(id, plan);
    // The first one comes back, so that the next is given up.
    await lose();
    expect((await train()).record.checkedDevice).toMatchObject({ backend: 'webgpu', hasGolden: true });
    await lose();
    const { run, record } = await train();
    expect(record.checkedDevice).toMatchObject({ backend: 'wasm', hasGolden: true, refused: [] });
    expect(devicesOf(run).at(-1)).toBe('WebAssembly');
  });
});
