import { expect, it } from 'vitest';
import { awakeClock } from './awake-clock.ts';
import { crewSize, workShare } from './leaving-room.ts';
import { Pacer } from './pacer.ts';

/** Work and rest on a clock of their own. */
function paced(share: number) {
  let clock = 1000;
  let restedMs = 0;
  const pacer = new Pacer(() => clock, async (ms) => {
    clock += ms;
    restedMs += ms;
  });
  pacer.workShare = share;
  return { pacer, rested: () => restedMs, work: async (ms: number) => void (clock += ms), wait: (ms: number) => void (clock += ms) };
}

it('rests as long as it worked, before the next piece and not before the answer', async () => {
  const { pacer, rested, work } = paced(0.5);
  await pacer.paced(() => work(100));
  expect(rested()).toBe(0);
  await pacer.paced(() => work(100));
  expect(rested()).toBe(100);
});

it.each([[0.5, 1], [2 / 3, 0.5], [0.25, 3], [1, 0]])('at a share of %f rests %f times the work', async (share, ratio) => {
  const { pacer, rested, work } = paced(share);
  await pacer.paced(async () => {
    for (let part = 0; part < 50; part++) {
      await work(20);
      await pacer.rest();
    }
  });
  expect(rested()).toBeCloseTo(1000 * ratio, 6);
});

it('counts the time in which nobody asked for work as rest', async () => {
  const { pacer, rested, work, wait } = paced(0.5);
  await pacer.paced(() => work(100));
  wait(60);
  await pacer.paced(() => work(100));
  expect(rested()).toBe(40);
  wait(500);
  await pacer.paced(() => work(1));
  expect(rested()).toBe(40);
});

it('saves up rests that are too short for a timer', async () => {
  const { pacer, rested, work } = paced(0.5);
  await pacer.paced(async () => {
    for (let part = 0; part < 7; part++) {
      await work(1);
      await pacer.rest();
    }
  });
  expect(rested()).toBe(4);
});

it.each([[6000, 0.5, 1], [90_000, 0.25, 3]])('rests in full for a micro-batch of %i ms at a share of %f', async (microBatchMs, share, ratio) => {
  const { pacer, rested, work } = paced(share);
  await pacer.paced(async () => {
    for (let part = 0; part < 3; part++) {
      await work(microBatchMs);
      await pacer.rest();
    }
  });
  expect(rested()).toBe(3 * microBatchMs * ratio);
});

it('owes rest for the work of a stretch, and none for the night in the middle of it', async () => {
  let nowMs = 1000;
  let restedMs = 0;
  let beat: () => void = () => undefined;
  const clock = awakeClock(() => nowMs, (then) => {
    beat = then;
    return () => undefined;
  });
  const pacer = new Pacer(clock.now, async (ms) => {
    nowMs += ms;
    restedMs += ms;
  });
  pacer.workShare = 0.5;
  const work = (ms: number) => {
    nowMs += ms;
    beat();
  };
  await pacer.paced(async () => {
    work(7000);
    nowMs += 8 * 3_600_000;
    beat();
    work(2000);
    await pacer.rest();
  });
  expect(restedMs).toBe(9000);
});

it('counts a pause in the middle of the work as rest, also one that begins while it rests', async () => {
  const { pacer, rested, work, wait } = paced(0.5);
  await pacer.paced(async () => {
    await work(300);
    await pacer.waitFor(async () => wait(100));
    await pacer.rest();
    expect(rested()).toBe(200);
    await work(300);
    await pacer.waitFor(async () => wait(600_000));
    await pacer.rest();
    expect(rested()).toBe(200);
    await work(300);
    let resume: () => void = () => undefined;
    const resting = pacer.rest();
    const paused = pacer.waitFor(() => new Promise<void>((resolve) => (resume = resolve)));
    await resting;
    wait(600_000);
    resume();
    await paused;
    expect(rested()).toBe(500);
    await work(10);
    await pacer.rest();
    expect(rested()).toBe(510);
  });
});

it('does not rest for what nobody counts, such as a check at the start', async () => {
  const { pacer, rested, wait } = paced(0.5);
  wait(1000);
  await pacer.rest();
  expect(rested()).toBe(0);
});

it('forgets what was owed once it works all of the time', async () => {
  const { pacer, rested, work } = paced(0.5);
  await pacer.paced(() => work(100));
  pacer.workShare = 1;
  await pacer.paced(async () => {
    await work(100);
    await pacer.rest();
    await work(100);
  });
  // What was owed before is still rested; nothing more.
  expect(rested()).toBe(100);
});

it('rests and answers where the work fails', async () => {
  const { pacer, rested, work } = paced(0.5);
  await expect(pacer.paced(async () => {
    await work(50);
    throw new Error('failed');
  })).rejects.toThrow('failed');
  await pacer.paced(() => work(1));
  expect(rested()).toBe(50);
});

it('a crew that leaves room does half of a full one, and leaves a core free where there are several', () => {
  for (const full of [1, 2, 3, 4, 8]) {
    for (const running of new Set([full, crewSize(full, true)])) expect(running * workShare(running, full, true)).toBeCloseTo(full / 2, 12);
    expect(workShare(full, full, false)).toBe(1);
    expect(crewSize(full, false)).toBe(full);
  }
  expect([1, 2, 3, 8].map((full) => crewSize(full, true))).toEqual([1, 1, 2, 7]);
});
