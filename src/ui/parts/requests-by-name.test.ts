import { expect, it } from 'vitest';
import { requestsByName } from './requests-by-name.ts';

it('requests of one name are counted and summed, in the order in which they were first made', () => {
  const requests = [
    { atMs: 5, what: 'weights', receivedBytes: 100 },
    { atMs: 2, what: 'page', receivedBytes: 7 },
    { atMs: 1, what: 'weights', receivedBytes: 20 },
  ];
  expect(requestsByName(requests)).toEqual([
    { what: 'weights', atMs: 1, receivedBytes: 120, count: 2 },
    { what: 'page', atMs: 2, receivedBytes: 7, count: 1 },
  ]);
});
