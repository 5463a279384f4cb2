import { loadavg } from 'node:os';
import { calibrateNoiseMultiplier, composedEpsilon, stepsWithinBudget, type Charge } from '../src/privacy/composition.ts';
import { calibrateNoiseMultiplierPld, stepsWithinBudgetPld } from '../src/privacy/pld/calibrate.ts';
import { pldEpsilon } from '../src/privacy/pld/pld.ts';

interface Timing {
  readonly what: string;
  readonly answer: number;
  /** Wall clock and processor time of the first call with these values; nothing of it is kept from earlier ones but compiled code. */
  readonly milliseconds: number;
  readonly processorMilliseconds: number;
}

function time(what: string, run: () => number): Timing {
  const [start, used] = [performance.now(), process.cpuUsage()];
  const answer = run();
  const { user, system } = process.cpuUsage(used);
  return { what, answer, milliseconds: Math.round(performance.now() - start), processorMilliseconds: Math.round((user + system) / 1000) };
}

const charges = (noiseMultiplier: number, samplingRate: number, count: number): readonly Charge[] => [{ mechanism: { kind: 'poisson-gaussian', noiseMultiplier, samplingRate }, count }];

/** Times of both accountants and their inverses, at delta 1e-5. */
export function measureAccountants(): { readonly loadAtStart: number; readonly timings: readonly Timing[] } {
  const loadAtStart = loadavg()[0] ?? NaN;
  const delta = 1e-5;
  // Compiles the code; the values are used nowhere below.
  pldEpsilon(charges(0.93, 0.011, 700), delta);
  const settings = [[1, 0.01], [0.5, 0.001], [8, 0.001], [2, 0.1]] as const;
  const timings = settings.flatMap(([sigma, q]) => [1000, 20_000].flatMap((steps) => {
    const name = `noise ${sigma}, rate ${q}, ${steps} steps`;
    return [
      time(`RDP epsilon, ${name}`, () => composedEpsilon(charges(sigma, q, steps), delta).epsilon),
      time(`PLD epsilon, ${name}`, () => pldEpsilon(charges(sigma, q, steps), delta).epsilon),
    ];
  }));
  for (const [epsilon, samplingRate, steps] of [[3, 0.01, 1000], [1, 0.004, 20_000], [8, 0.02, 500]] as const) {
    const [target, name] = [{ epsilon, delta, samplingRate }, `epsilon ${epsilon}, rate ${samplingRate}`];
    timings.push(
      time(`RDP noise, ${name}, ${steps} steps`, () => calibrateNoiseMultiplier({ ...target, steps })),
      time(`PLD noise, ${name}, ${steps} steps`, () => calibrateNoiseMultiplierPld({ ...target, steps })),
      time(`RDP steps, ${name}, noise 1.1`, () => stepsWithinBudget({ ...target, noiseMultiplier: 1.1 })),
      time(`PLD steps, ${name}, noise 1.1`, () => stepsWithinBudgetPld({ ...target, noiseMultiplier: 1.1 })),
    );
  }
  return { loadAtStart, timings };
}
