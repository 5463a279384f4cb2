import { describe, expect, it } from 'vitest';
import type { NextStep } from '../federation/node.ts';
import { driveNode, type Driven } from './federation-driver.ts';

/** A node that wants to be left alone for an hour after each step. */
function scene() {
  const steps: ((step: NextStep) => void)[] = [];
  const node = { advance: () => new Promise<NextStep>((resolve) => steps.push(resolve)) };
  const wait: NextStep = { kind: 'wait', waitMs: 3_600_000 };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    node,
    get steps() {
      return steps.length;
    },
    finish: async () => {
      steps.at(-1)!(wait);
      await settled();
    },
    isOver: async ({ ended }: Driven) => {
      let isOver = false;
      void ended.then(() => (isOver = true));
      await settled();
      return isOver;
    },
  };
}

describe('a driven node', () => {
  it('rests between two steps', async () => {
    const here = scene();
    const driven = driveNode(here.node, () => undefined);
    await here.finish();
    expect(here.steps).toBe(1);
    driven.wake();
    expect(await here.isOver(driven)).toBe(false);
    expect(here.steps).toBe(2);
    driven.stop();
    await here.finish();
    expect(await here.isOver(driven)).toBe(true);
  });

  it.each(['in the middle of a step', 'by what sees the step'])('that is stopped %s takes no rest before it ends', async (when) => {
    const here = scene();
    const driven: Driven = driveNode(here.node, () => when === 'by what sees the step' && driven.stop());
    if (when === 'in the middle of a step') driven.stop();
    await here.finish();
    expect(await here.isOver(driven)).toBe(true);
    expect(here.steps).toBe(1);
  });

  it('looks once more where it was woken in the middle of a step', async () => {
    const here = scene();
    const driven = driveNode(here.node, () => undefined);
    driven.wake();
    await here.finish();
    expect(here.steps).toBe(2);
    await here.finish();
    expect(here.steps).toBe(2);
    driven.stop();
    expect(await here.isOver(driven)).toBe(true);
  });
});
