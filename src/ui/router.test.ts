import { describe, expect, it } from 'vitest';
import { parseHash, Router } from './router.svelte.ts';

describe('the address', () => {
  it('names a page, and a part of it', () => {
    expect(parseHash('#/results/fair')).toEqual({ page: 'results', section: 'fair' });
    expect(parseHash('#main')).toBeNull();
    expect(parseHash('#/nowhere')).toBeNull();
  });

  it('leads back to the start page where the hash is gone', () => {
    const router = new Router('#/data');
    expect(router.follow('')).toBe(true);
    expect(router.page).toBe('start');
    expect(parseHash('#/')).toEqual({ page: 'start', section: null });
  });
});
