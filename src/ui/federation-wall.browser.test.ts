import { describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import { heading, openFederation } from './testing/federation-page.ts';

describe('the wall of a room', () => {
  it('shows the way in as an image, and what changes', async () => {
    const service = await openFederation({ federation: 'room-30', section: 'projector-abc', scene: 'empty' });
    await expect.element(heading('Round 4 of 5 goes on')).toBeVisible();
    const code = page.getByRole('img', { name: /QR code of the room’s link/ });
    await expect.element(code).toBeVisible();
    expect(code.element()).toHaveAttribute('src', expect.stringMatching(/^data:image\/svg\+xml/));
    await expect.element(page.getByText(/Refused so far: 14/)).toBeVisible();
    // Counted when it is asked, before anybody has paid: said as what it is.
    await expect.element(page.getByRole('listitem').filter({ hasText: 'ε a device, at most' })).toHaveTextContent(/^1\.68/);
    await expect.element(page.getByText('ε counts a round once it is asked; a device that did not train for it has spent less.')).toBeVisible();
    // The third round was rolled back: the model that stands is that of the second.
    await expect.element(page.getByRole('listitem').filter({ hasText: 'accuracy, public notes' })).toHaveTextContent('67%');
    await expect.element(page.getByText(/It made the model worse on the public notes, and was rolled back\./)).toBeVisible();
    const view = await service.federation.projector('abc');
    service.federation.projector = () => Promise.resolve({ ...view, status: { ...view.status, state: 'finished', round: null } });
    await expect.element(heading('All 5 rounds are done')).toBeVisible();
    await expect.element(page.getByRole('status').filter({ hasText: 'All 5 rounds are done. 27 devices here.' })).toBeInTheDocument();
  });

  it('rests once it is not shown any more', async () => {
    const service = await openFederation({ federation: 'room-30', section: 'projector-abc', scene: 'empty' });
    await expect.element(heading('Round 4 of 5 goes on')).toBeVisible();
    location.hash = '#/settings';
    await expect.element(heading('Settings')).toBeVisible();
    const { asked } = service.federation;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(service.federation.asked).toBe(asked);
  });

  it('keeps what it knows while the server does not answer', async () => {
    const service = await openFederation({ federation: 'room-30', section: 'projector-abc', scene: 'empty' });
    await expect.element(heading('Round 4 of 5 goes on')).toBeVisible();
    service.federation.projector = () => Promise.reject(new Error('gone'));
    await expect.element(page.getByText('The server does not answer. What stands here is what it last said.')).toBeVisible();
    await expect.element(heading('Round 4 of 5 goes on')).toBeVisible();
  });

  it('has no code where invitations are handed out by hand, and refuses a link that is none', async () => {
    await openFederation({ section: 'projector-by-hand', scene: 'empty' });
    await expect.element(page.getByText('Invitations are handed out by hand.')).toBeVisible();
    await expect.element(page.getByRole('img', { name: /QR code/ })).not.toBeInTheDocument();
    location.hash = '#/federation/projector-wrong';
    await expect.element(page.getByRole('alert')).toHaveTextContent('This invitation is not known here.');
  });
});
