import type { FederationLink } from '../../../shell/federation.service.ts';
import { href } from '../../router.svelte.ts';

/** `seat-TOKEN`, `room-TOKEN` and `projector-TOKEN` as they follow `#/federation/`; null for anything else. */
export function parseFederationLink(section: string | null): FederationLink | null {
  const match = /^(seat|room|projector)-([\w-]+)$/.exec(section ?? '');
  const [kind, token] = [match?.[1], match?.[2]];
  return (kind === 'seat' || kind === 'room' || kind === 'projector') && token !== undefined ? { kind, token } : null;
}

/** The way back to an invitation, or to the page without one. */
export function federationHref(link: FederationLink | null): string {
  return link === null ? href('federation') : href('federation', `${link.kind}-${link.token}`);
}
