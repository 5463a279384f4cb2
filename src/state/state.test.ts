import { describe, expect, it } from 'vitest';
import type { Plan } from '../training/plan.ts';
import { toFailure } from './failure.ts';
import { Loaded } from './loaded.svelte.ts';
import { isPrivatePlan, planKinds, planOfKind } from './plan-kinds.ts';
import { rolesProblem } from './project.svelte.ts';
import { SettingsState } from './settings.svelte.ts';

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

describe('plans', () => {
  const plan: Plan = { kind: 'plain-head', epochs: 30, batchSize: 32, learningRate: 0.01, weightDecay: 0.01, maximumLength: 200, unit: 'person', heldOutShare: 0.25, seed: 7 };
  const facts = { trainingUnits: 1000, encoderLayers: 6, delta: 1e-5 };

  it('keep what two ways of training share', () => {
    for (const kind of planKinds) {
      const other = planOfKind(kind, plan, facts, plan);
      expect(other).toMatchObject({ kind, maximumLength: 200, unit: 'person', heldOutShare: 0.25, seed: 7 });
    }
  });

  it('never promise a larger delta than the ledger allows', () => {
    const other = planOfKind('dp-sgd', plan, facts, plan);
    expect(isPrivatePlan(other) && other.delta).toBe(1e-5);
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
