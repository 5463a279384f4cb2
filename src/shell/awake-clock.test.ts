import { expect, it } from 'vitest';
import { runSession } from '../training/session.ts';
import { nanoPlans, nanoSession } from '../training/testing/nano-session.ts';
import { awakeClock } from './awake-clock.ts';

const hourMs = 3_600_000;

/** A machine whose time passes by hand, with a timer that beats while it is awake. */
function machine() {
  let nowMs = 5000;
  let beat: (() => void) | null = null;
  const clock = awakeClock(() => nowMs, (then) => {
    beat = then;
    return () => void (beat = null);
  });
  return {
    clock,
    work: (ms: number) => {
      for (const endMs = nowMs + ms; nowMs < endMs; nowMs = Math.min(endMs, nowMs + 1000)) beat?.();
    },
    sleep: (ms: number) => void (nowMs += ms),
    hasTimer: () => beat !== null,
  };
}

it('counts work, however long, and no sleep', () => {
  const { clock, work, sleep, hasTimer } = machine();
  const startMs = clock.now();
  work(10 * 60_000);
  expect(clock.now() - startMs).toBe(10 * 60_000);
  sleep(8 * hourMs);
  expect(clock.now() - startMs).toBe(10 * 60_000);
  work(2000);
  expect(clock.now() - startMs).toBe(10 * 60_000 + 2000);
  // Timers of a hidden page.
  sleep(60_000);
  expect(clock.now() - startMs).toBe(11 * 60_000 + 2000);
  expect(hasTimer()).toBe(true);
  clock.stop();
  expect(hasTimer()).toBe(false);
});

it('keeps the time of a run and its time left sane over a night between two steps', async () => {
  const { clock, work, sleep } = machine();
  let steps = 0;
  const { input, progress } = nanoSession(nanoPlans.fullBatch(48), {
    clock: () => clock.now(),
    yields: async () => {
      work(500);
      if (++steps === 4) sleep(8 * hourMs);
    },
  });
  const { elapsedSeconds, state } = await runSession(input);
  expect(state).toBe('finished');
  // Eight steps and the features before them, half a second a turn.
  expect(elapsedSeconds).toBeLessThan(60);
  expect(steps).toBeGreaterThan(4);
  const left = progress.flatMap(({ secondsLeft }) => (secondsLeft === null ? [] : [secondsLeft]));
  expect(left.length).toBeGreaterThan(4);
  expect(Math.max(...left)).toBeLessThan(60);
});
