import type { BedsideError } from '../ground/errors.ts';
import type { FederationNode, NextStep } from '../federation/node.ts';

export interface Driven {
  /** Resolves when the node has left, or stopped for a reason. */
  readonly ended: Promise<BedsideError | null>;
  /** Looks at once instead of when the wait is over: the network is back, or the person leaves. */
  wake(): void;
  /** Takes no further step; a step that is going on is finished. What was saved goes on after the next start. */
  stop(): void;
}

/** Longest that a timer is set for; past 2^31 ms it would fire at once. */
const LONGEST_TIMER_MS = 3_600_000;

/** Calls a node whenever it wants to be called. `onStep` sees each answer, for the page. */
export function driveNode(node: FederationNode, onStep: (step: NextStep) => void): Driven {
  let isStopped = false;
  let wake = (): void => undefined;
  const run = async (): Promise<BedsideError | null> => {
    while (!isStopped) {
      const step = await node.advance();
      onStep(step);
      if (step.kind === 'ended') return step.error ?? null;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(step.waitMs, LONGEST_TIMER_MS));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        step.until?.then(wake, wake);
      });
    }
    return null;
  };
  return {
    ended: run(),
    wake: () => wake(),
    stop: () => {
      isStopped = true;
      wake();
    },
  };
}
