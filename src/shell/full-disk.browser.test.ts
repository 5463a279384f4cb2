import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunMessage } from './bedside.service.ts';
import { readCheckpoint } from './runs.ts';
import { withFullDisk } from './testing/full-disk.ts';
import { openGuardHere, type GuardHere } from './testing/guard-here.ts';

describe('a full disk during a run', () => {
  let here: GuardHere;
  beforeEach(async () => {
    here = await openGuardHere('wasm');
  });
  afterEach(() => here.close());

  const pausedByDisk = (message: RunMessage) => message.kind === 'paused' && message.failure?.code === 'storage/quota-exceeded';
  const gradientCharges = async () => {
    const { entries, isChainIntact } = await here.guard.ledger();
    expect(isChainIntact).toBe(true);
    return entries.filter(({ event }) => event.kind === 'charge' && event.purpose === 'gradient').length;
  };

  it.each([
    ['the ledger cannot be written', ['entries', 'heads']],
    ['the checkpoint cannot be written', ['checkpoints', 'runs']],
  ])('pauses when %s, with words, loses nothing, and goes on when there is room', async (_name, stores) => {
    const { id, run, runId } = await here.start((plan) => ({ ...plan, steps: 40 }));
    await withFullDisk(async () => {
      expect(pausedByDisk(await run.next('paused'))).toBe(true);
      expect(await gradientCharges()).toBeGreaterThanOrEqual((await readCheckpoint(here.database, runId))!.step);
    }, stores);
    await here.guard.active(runId).resume();
    expect(await run.end).toMatchObject({ kind: 'finished' });
    // Each step was charged once: the refused write was not a charge, and was made when there was room.
    expect(await gradientCharges()).toBe(40);
    expect((await here.guard.results(id, runId)).run.stepsDone).toBe(40);
  });

  it('lets the person stop instead, and keeps the last checkpoint', async () => {
    const { run, runId } = await here.start((plan) => ({ ...plan, steps: 40 }));
    await withFullDisk(async () => {
      await run.next('paused');
      here.guard.active(runId).stop();
      expect(await run.end).toMatchObject({ kind: 'failed', code: 'storage/quota-exceeded' });
    });
    const checkpoint = await readCheckpoint(here.database, runId);
    expect(checkpoint!.step).toBeGreaterThan(0);
    expect(await gradientCharges()).toBeGreaterThanOrEqual(checkpoint!.step);
  });
});
