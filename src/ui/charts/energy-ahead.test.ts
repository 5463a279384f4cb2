import { expect, it } from 'vitest';
import { energyAhead } from './energy-ahead.ts';

it('the energy at the end is by the run\'s own pace, else by the forecast, and no line goes down to it', () => {
  const now = { low: 2, central: 4, high: 9 };
  const forecast = { low: 1, central: 3, high: 12 };
  // A run that has drawn more than was forecast: low and centre stay where they are.
  expect(energyAhead(now, null, forecast)).toEqual({ low: 2, central: 4, high: 12 });
  expect(energyAhead(now, { low: 3, central: 6, high: 13 }, forecast)).toEqual({ low: 3, central: 6, high: 13 });
  expect(energyAhead(now, null, null)).toBeNull();
});
