import { describe, expect, it } from 'vitest';
import { loraTargets } from '../engine/parameters.ts';
import type { RunHandle, RunMessage, RunProgress } from '../shell/bedside.service.ts';
import { usualDescent as trainedDescent, type Plan } from '../training/plan.ts';
import { toFailure } from './failure.ts';
import { Loaded } from './loaded.svelte.ts';
import { adaptableMaps, carryChoices, usualDescent, withBalance } from './plan-kinds.ts';
import { rolesProblem } from './project.svelte.ts';
import { CurrentRun } from './run.svelte.ts';
import { SettingsState } from './settings.svelte.ts';

it('offers what training and engine know, and means by silence what they mean', () => {
  expect(usualDescent).toEqual(trainedDescent);
  expect(adaptableMaps).toEqual(loraTargets);
});

describe('a value from behind the boundary', () => {
  it('is not overwritten by the answer to an earlier question', async () => {
    const loaded = new Loaded<string>();
    let answerFirst = (_: string): void => undefined;
    const first = loaded.load(() => new Promise<string>((resolve) => { answerFirst = resolve; }));
    await loaded.load(() => Promise.resolve('second'));
    answerFirst('first');
    expect(await first).toBeNull();
    expect(loaded.value).toBe('second');
  });

  it('stays while a new one fails', async () => {
    const loaded = new Loaded<string>();
    loaded.set('kept');
    await loaded.load(() => Promise.reject(new Error('gone')));
    expect(loaded.value).toBe('kept');
    expect(loaded.failure?.code).toBe('internal/unexpected');
  });
});

describe('a value that is replaced', () => {
  it('is there all the time, and gives way to what is being loaded', async () => {
    const loaded = new Loaded<string>();
    loaded.set('shown');
    let answer = (_: string): void => undefined;
    const replacing = loaded.replace(() => new Promise<string>((resolve) => { answer = resolve; }));
    expect(loaded.state).toEqual({ kind: 'ready', value: 'shown' });
    answer('other');
    await replacing;
    expect(loaded.state).toEqual({ kind: 'ready', value: 'other' });
    await loaded.replace(() => Promise.reject(new Error('gone')));
    expect(loaded.value).toBe('other');
    expect(loaded.failure?.code).toBe('internal/unexpected');

    const loading = loaded.load(() => new Promise<string>((resolve) => { answer = resolve; }));
    await loaded.replace(() => Promise.resolve('late'));
    answer('loaded');
    expect(await loading).toBe('loaded');
    expect(loaded.value).toBe('loaded');
  });
});

describe('settings', () => {
  it('survive a store that refuses', () => {
    const refuse = (): never => { throw new Error('refused'); };
    const settings = new SettingsState({ getItem: refuse, setItem: refuse, removeItem: refuse }, 'zh');
    expect(settings.language).toBe('zh');
    settings.setTheme('dark');
    expect(settings.theme).toBe('dark');
  });

  it('ignore what a store never could have held', () => {
    const settings = new SettingsState({ getItem: () => 'nonsense', setItem: () => undefined, removeItem: () => undefined });
    expect([settings.theme, settings.language, settings.isStill]).toEqual(['system', 'en', false]);
  });
});

describe('a plan of another kind', () => {
  const common = { maximumLength: 200, unit: 'person', heldOutShare: 0.25, seed: 7 } as const;
  const defaults = { maximumLength: 128, unit: 'row', heldOutShare: 0.2, seed: 1 } as const;
  const lora = { rank: 2, alpha: 3, targets: ['query'], layers: [4, 5] } as const;
  const usualLora = { rank: 8, alpha: 16, targets: ['query', 'value'], layers: [0, 1, 2, 3, 4, 5] } as const;
  const head: Plan = { kind: 'plain-head', ...common, epochs: 30, batchSize: 32, learningRate: 0.01, weightDecay: 0.01 };
  const adapters: Plan = { kind: 'plain-lora', ...common, epochs: 2, batchSize: 8, learningRate: 0.3, weightDecay: 0, lora };
  const dpSgd: Plan = { kind: 'dp-sgd', ...defaults, epsilon: 3, delta: 1e-5, steps: 80, expectedBatchSize: 256, clipNorm: 0.5, learningRate: 0.005, lora: usualLora, validationEpsilon: 1 };

  it('keeps what was chosen where both have it, and takes the rest from the proposal', () => {
    expect(carryChoices(head, dpSgd)).toEqual({ ...dpSgd, ...common });
    expect(carryChoices(adapters, dpSgd)).toEqual({ ...dpSgd, ...common, lora });
  });

  it('keeps the promise from one private kind to the other', () => {
    const fullBatch: Plan = { kind: 'full-batch-head', ...defaults, epsilon: 3, delta: 1e-5, steps: 50, clipNorm: 0.3, meanShare: 0.03, labelScale: 12, biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5, featureLayers: [6], featureWeights: [1], validationEpsilon: 1 };
    const promise = { epsilon: 0.7, delta: 1e-7, validationEpsilon: null };
    expect(carryChoices({ ...dpSgd, ...promise, ...common }, fullBatch)).toEqual({ ...fullBatch, ...promise, ...common });
  });

  it('is the same plan where the kind is the same', () => {
    expect(carryChoices(head, { ...head, epochs: 40 })).toBe(head);
  });
});

it('helps rare labels as the proposal says, and leaves no trace of it where it is switched off', () => {
  const plan = { kind: 'full-batch-head', maximumLength: 128, unit: 'row', heldOutShare: 0.2, seed: 1, epsilon: 3, delta: 1e-5, steps: 50, clipNorm: 0.3, meanShare: 0.03, labelScale: 12, biasInput: 0.3, averageLast: 0.25, maximumNu: 1.5, featureLayers: [6], featureWeights: [1], validationEpsilon: 1 } as const;
  const balance = { countShare: 0.05, strength: 0.5 };
  expect(withBalance(plan, balance)).toEqual({ ...plan, balance });
  // The page compares plans as JSON: an undefined field would read as a change.
  expect(Object.keys(withBalance({ ...plan, balance }, null))).toEqual(Object.keys(plan));
});

describe('the current run', () => {
  const plan: Plan = { kind: 'label-sentences', maximumLength: 64, unit: 'row', heldOutShare: 0.2, seed: 1 };
  const progress: RunProgress = { runId: 'r', runNumber: 6, phase: 'training', phaseProgress: { done: 0, total: 1 }, step: 0, steps: 1, secondsLeft: null, notesPerSecond: null, budget: null, epsilonRun: null, epsilonNextStep: null, epsilonAtEnd: null, energyAtEnd: null, device: null, savedAtMs: null, points: [] };

  async function started(announced: number) {
    let tell: (message: RunMessage) => void = () => undefined;
    const service = { startRun: (_id: string, _plan: Plan, onMessage: (message: RunMessage) => void) => { tell = onMessage; return new Promise<RunHandle>(() => undefined); }, resumeRun: () => Promise.reject(new Error('not asked')) };
    const run = new CurrentRun(service, 'p', () => undefined);
    void run.start(plan, null, announced);
    await Promise.resolve();
    return { run, tell: (message: RunMessage) => tell(message) };
  }

  it('has one number from its announcement to its end, and its own where another tab took that one', async () => {
    const { run, tell } = await started(5);
    expect(run.number).toBe(5);
    tell({ kind: 'progress', progress: { ...progress, runNumber: 5 } });
    tell({ kind: 'failed', code: 'x', message: '', hint: '', values: {} });
    expect([run.view.kind, run.number]).toEqual(['failed', 5]);
    const second = await started(5);
    second.tell({ kind: 'progress', progress });
    expect(second.run.number).toBe(6);
    const refused = await started(5);
    refused.tell({ kind: 'failed', code: 'x', message: '', hint: '', values: {} });
    expect(refused.run.number).toBe(5);
  });

  it('keeps what the words of a failure need', async () => {
    const { run, tell } = await started(1);
    tell({ kind: 'paused', progress, failure: { code: 'a', message: '', hint: '', values: { n: 1 } } });
    expect(run.view).toMatchObject({ failure: { values: { n: 1 } } });
    tell({ kind: 'failed', code: 'b', message: '', hint: '', values: { n: 2 } });
    expect(run.view).toMatchObject({ failure: { values: { n: 2 } } });
  });
});

describe('columns', () => {
  it('need a text and a label', () => {
    expect(rolesProblem({ a: 'label' })).toBe('no-text');
    expect(rolesProblem({ a: 'text', b: 'group' })).toBe('no-label');
    expect(rolesProblem({ a: 'text', b: 'label' })).toBeNull();
  });
});

it('a failure never carries the text of an unknown error', () => {
  expect(JSON.stringify(toFailure(new Error('Mrs Jones, 58')))).not.toContain('Jones');
});
