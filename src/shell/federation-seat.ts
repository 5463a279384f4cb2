import type { CoordinatorClient } from '../federation/coordinator-client.ts';
import { isInvitationRefused } from '../federation/errors.ts';
import type { DealtSeat } from '../federation/status.ts';
import { noSeatLink } from './federation-errors.ts';
import type { FederationStore } from './federation-store.ts';
import type { FederationLink } from './federation.service.ts';

/**
 * The seat of a link, and its invitation: takes none and needs no key. A room deals one and the same to this device for as long as nobody has used it, also after a reload.
 * @throws `federation/turned-away`, `federation/no-seat-link`.
 */
export async function dealtSeat(coordinator: CoordinatorClient, store: FederationStore, link: FederationLink): Promise<DealtSeat> {
  if (link.kind === 'projector') throw noSeatLink();
  if (link.kind === 'seat') return coordinator.look(link.token);
  const known = await store.dealtInvitation(link.token);
  if (known !== null) {
    try {
      return await coordinator.look(known);
    } catch (error) {
      if (!isInvitationRefused(error)) throw error;
      await store.forgetDealt(known);
    }
  }
  const dealt = await coordinator.deal(link.token);
  await store.saveDealt(link.token, dealt.invitation);
  return dealt;
}
