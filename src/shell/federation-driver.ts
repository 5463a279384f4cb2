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
export function driveNode(node: Pick<FederationNode, 'advance'>, onStep: (step: NextStep) => void): Driven {
  let isStopped = false;
  /** Somebody asked for a look while a step was going on. */
  let isWoken = false;
  let endWait = (): void => undefined;
  const wake = (): void => {
    isWoken = true;
    endWait();
  };
  const run = async (): Promise<BedsideError | null> => {
    while (!isStopped) {
      isWoken = false;
      const step = await node.advance();
      onStep(step);
      if (step.kind === 'ended') return step.error ?? null;
      if (isWoken) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(step.waitMs, LONGEST_TIMER_MS));
        endWait = () => {
          clearTimeout(timer);
          resolve();
        };
        step.until?.then(endWait, endWait);
      });
    }
    return null;
  };
  return {
    ended: run(),
    wake,
    stop: () => {
      isStopped = true;
      wake();
    },
  };
}
