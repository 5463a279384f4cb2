import { describe, expect, it } from 'vitest';
import { isPointDue } from './run-keeper.ts';

describe('points of the panel', () => {
  it('thin a long run to two hundred', () => {
    expect(isPointDue('full-batch-head', 1, 50)).toBe(true);
    expect(isPointDue('plain-lora', 4, 1000)).toBe(false);
    expect(isPointDue('plain-lora', 5, 1000)).toBe(true);
  });

  it('never keep the time that a single secret draw took', () => {
    expect(isPointDue('dp-sgd', 1, 80)).toBe(false);
    expect(isPointDue('dp-sgd', 10, 80)).toBe(true);
    expect(isPointDue('dp-sgd', 10, 4000)).toBe(false);
  });
});
