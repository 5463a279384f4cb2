/** Between two looks that are further apart the machine slept: a hidden page's timers come once a minute at the slowest. */
const longestWaitMs = 120_000;
const beatMs = 1000;

export interface AwakeClock {
  /** Milliseconds awake since some moment. */
  now(): number;
  stop(): void;
}

/**
 * A clock that stands still while the machine sleeps, so that neither the time left nor the energy of a run counts a night with the lid shut.
 * It is looked at every second meanwhile: a long step is no sleep. `now`: a clock that never goes back, in milliseconds; `repeat` starts a timer and returns how it ends.
 */
export function awakeClock(now: () => number, repeat: (beat: () => void, periodMs: number) => () => void): AwakeClock {
  let asleepMs = 0;
  let lastMs = now();
  // The first look after a sleep may be that of the run as well as the timer's.
  const look = () => {
    const at = now();
    if (at - lastMs > longestWaitMs) asleepMs += at - lastMs;
    lastMs = at;
    return at - asleepMs;
  };
  return { now: look, stop: repeat(look, beatMs) };
}

/** The same over this thread's own clock and timers. */
export function awakeClockHere(): AwakeClock {
  return awakeClock(
    () => performance.now(),
    (beat, periodMs) => {
      const timer = setInterval(beat, periodMs);
      return () => clearInterval(timer);
    },
  );
}
