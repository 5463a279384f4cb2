import { expect, it } from 'vitest';
import { appParts, requestsByName } from './requests-by-name.ts';

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

it('pieces of the app are one line, whatever a build calls them', () => {
  const whats = ['FailureCall-B3x_9aQz.js', 'guard.worker-Ck1-0dLm.js', 'index-DjR4kP2s.css', 'model.safetensors', 'config.json'];
  const named = requestsByName(whats.map((what, index) => ({ atMs: index, what, receivedBytes: 10 })));
  expect(named.map(({ what, count, receivedBytes }) => [what, count, receivedBytes])).toEqual([[appParts, 3, 30], ['model.safetensors', 1, 10], ['config.json', 1, 10]]);
});
