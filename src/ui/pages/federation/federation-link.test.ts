import { describe, expect, it } from 'vitest';
import { parseHash } from '../../router.svelte.ts';
import { federationHref, parseFederationLink } from './federation-link.ts';

describe('a link of a federation', () => {
  it('comes through the address and back, with every letter that a token may have', () => {
    for (const kind of ['seat', 'room', 'projector'] as const) {
      const link = { kind, token: '-aZ0_9-' };
      const place = parseHash(federationHref(link));
      expect(place?.page).toBe('federation');
      expect(parseFederationLink(place?.section ?? null)).toEqual(link);
    }
  });

  it('is none where something else stands there', () => {
    expect([null, '', 'seat-', 'seat', 'rooms-a', 'room-a b'].map(parseFederationLink)).toEqual([null, null, null, null, null, null]);
    expect(federationHref(null)).toBe('#/federation');
  });
});
