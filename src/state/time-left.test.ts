import { describe, expect, it } from 'vitest';
import { TimeLeft } from './time-left.ts';

describe('the time left', () => {
  it('is told after some seconds, by the pace since the first that was done', () => {
    const left = new TimeLeft();
    expect(left.tell({ done: 0, total: 1100 }, 0)).toBeNull();
    expect(left.tell({ done: 100, total: 1100 }, 9000)).toBeNull();
    expect(left.tell({ done: 300, total: 1100 }, 10_000)).toBeNull();
    expect(left.tell({ done: 300, total: 1100 }, 13_000)).toBe(16);
    expect(left.tell({ done: 1100, total: 1100 }, 20_000)).toBe(0);
  });

  it('is not told while nothing more gets done', () => {
    const left = new TimeLeft();
    left.tell({ done: 100, total: 1100 }, 0);
    expect(left.tell({ done: 100, total: 1100 }, 60_000)).toBeNull();
  });
});
