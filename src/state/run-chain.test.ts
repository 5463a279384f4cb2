import { describe, expect, it } from 'vitest';
import type { RunSummary } from '../shell/bedside.service.ts';
import { carbonOfRuns, energyOfRuns, promisedEpsilon, runsBehind } from './run-chain.ts';

const nothing = { low: 0, central: 0, high: 0 };
function run(number: number, on: number | null): RunSummary {
  const continues = on === null ? {} : { continues: { runId: `run-${on}`, runNumber: on, stepsBefore: 1, noiseMultiplier: null, stepSize: null } };
  return {
    id: `run-${number}`, number, state: 'finished', startedAtMs: 0, seconds: 1, stepsDone: 1, steps: 1, epsilonRun: null, energyWh: nothing, accuracy: null, macroF1: null, hasModel: true,
    plan: { kind: 'plain-head', epochs: 1, batchSize: 8, learningRate: 0.01, weightDecay: 0, maximumLength: 128, unit: 'row', heldOutShare: 0.2, seed: 1, ...continues },
  };
}

describe('the runs behind a model', () => {
  const runs = [run(1, null), run(2, null), run(3, 1), run(4, 3)];

  it('are those that it was trained on from, and no others', () => {
    expect(runsBehind(runs, runs[3]!)?.map(({ number }) => number)).toEqual([3, 1]);
    expect(runsBehind(runs, runs[1]!)).toEqual([]);
  });

  it('are not known where one is gone, or names itself', () => {
    expect(runsBehind(runs.slice(1), runs[3]!)).toBeNull();
    const circle = run(5, 5);
    expect(runsBehind([circle], circle)).toBeNull();
  });
});

it('the energy of several runs is their sum', () => {
  expect(energyOfRuns([{ ...run(1, null), energyWh: { low: 1, central: 2, high: 4 } }, { ...run(2, 1), energyWh: { low: 2, central: 3, high: 5 } }])).toEqual({ low: 3, central: 5, high: 9 });
});

it('the carbon of several runs is their sum, and not known where one does not say', () => {
  const carbonGrams = { low: 1, central: 2, high: 4 };
  expect(carbonOfRuns([{ carbonGrams }, { carbonGrams }])).toEqual({ low: 2, central: 4, high: 8 });
  expect(carbonOfRuns([{ carbonGrams }, {}])).toBeNull();
});

it('the epsilon of a model is that of all runs that led to it, and not known where an older version did not write it down', () => {
  const alone = { ...run(1, null), epsilonRun: 3 };
  expect(promisedEpsilon(alone)).toBe(3);
  expect(promisedEpsilon(run(1, null))).toBeNull();
  expect(promisedEpsilon({ ...run(2, 1), epsilonRun: 1.21, epsilonModel: 3.32 })).toBe(3.32);
  expect(promisedEpsilon({ ...run(2, 1), epsilonRun: 1.21 })).toBeNull();
});
