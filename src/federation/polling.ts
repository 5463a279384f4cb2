/** Time between two looks over the time that a look took: with many devices at one server it is the server that sets the pace. */
const patience = 50;
/** Longer than this nobody waits for a round that may have begun. */
const longestWaitMs = 30_000;

/**
 * How long to wait until the next look for a message, ms. The last look's duration tells how busy the server is, without it having to say so:
 * a hundred devices that ask every three seconds keep a small server from its rounds. Spread by `random` in [0, 1), a quarter to either side.
 */
export function pollWaitMs(pollMs: number, lookMs: number, random: () => number): number {
  const waitMs = Math.max(pollMs, Math.min(longestWaitMs, patience * lookMs));
  return waitMs * (0.75 + 0.5 * random());
}
