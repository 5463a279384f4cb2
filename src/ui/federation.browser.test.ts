import { describe, expect, it, onTestFinished } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { mountApp } from './testing/mount-app.ts';
import { heading, openFederation } from './testing/federation-page.ts';

describe('somebody who takes part', () => {
  it('sees each round as it was told and lived, and that the server was held to the agreement', async () => {
    await openFederation({ federation: 'training', section: '' });
    await expect.element(heading('Round 4 of 5: training on this device')).toBeVisible();
    await expect.element(page.getByRole('row', { name: /3 trained and sent rolled back: it was worse 66\.5%/ })).toBeVisible();
    await expect.element(page.getByText('The server asked for noise multiplier 1; 4.77 was agreed and used.')).toBeVisible();
    await expect.element(page.getByRole('img', { name: /After round 3 the pooled model is right in 66\.5%/ })).toBeVisible();
    await expect.element(page.getByRole('link', { name: /^Share\s*, running/ }).first()).toHaveAttribute('aria-current', 'page');
    await expect.element(page.getByText(/No note has left; 28 kB to the coordinator/)).toBeVisible();
  });

  it('hears of a new state once', async () => {
    const service = await openFederation({ federation: 'joined', section: '' });
    await expect.element(heading('Waiting for round 1 of 5')).toBeVisible();
    service.federation.tell({ phase: 'training' });
    await expect.element(page.getByRole('status').filter({ hasText: 'Round 1 of 5: training on this device' })).toBeInTheDocument();
  });

  it('reads at the end that nothing was learnt where every round was rolled back, and not else', async () => {
    const service = await openFederation({ federation: 'ended', section: '' });
    await expect.element(heading('All rounds are done')).toBeVisible();
    const said = page.getByText(/^No round made the model better on the public notes/);
    await expect.element(said).not.toBeInTheDocument();
    const { status } = await service.federation.offer();
    const rounds = [1, 2].map((round) => ({ round, isCounted: true, isKept: false, accepted: 2, dropped: 0, seconds: 20, deviceSeconds: 30, accuracy: { correct: 200, total: 400 } }));
    service.federation.tell({ status: { ...status, state: 'finished', round: null, rounds } });
    await expect.element(said).toBeVisible();
  });

  it('hears what came of a round once, beside what goes on', async () => {
    const service = await openFederation({ federation: 'joined', section: '' });
    await expect.element(heading('Waiting for round 1 of 5')).toBeVisible();
    const { status } = await service.federation.offer();
    const round = { round: 1, isCounted: true, isKept: true, accepted: 20, dropped: 0, seconds: 20, deviceSeconds: 90, accuracy: { correct: 300, total: 400 } };
    service.federation.tell({ status: { ...status, rounds: [round] } });
    await expect.element(page.getByRole('status').filter({ hasText: 'Round 1 is over: the model is right in 75% of the public notes. Waiting for round 2 of 5' })).toBeInTheDocument();
    service.federation.tell({ status: { ...status, rounds: [round, { ...round, round: 2, isKept: false }] } });
    await expect.element(page.getByRole('status').filter({ hasText: 'Round 2 is over and was rolled back: the model was worse.' })).toBeInTheDocument();
    service.federation.tell({ sentBytes: 9000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expect.element(page.getByRole('status').filter({ hasText: 'Round 2 is over' })).toHaveTextContent(/^[^\u00a0]*$/);
  });

  it('that has sent its update waits for the others, not for the round', async () => {
    const service = await openFederation({ federation: 'training', section: '' });
    await expect.element(heading('Round 4 of 5: training on this device')).toBeVisible();
    const { status } = await service.federation.offer();
    const rounds = [{ round: 4, atMs: 0, outcome: 'delivered' as const, reason: null, epsilon: 0.78, energyWh: null, clamps: [], sent: [] }];
    service.federation.tell({ phase: 'waiting', rounds, status: { ...status, state: 'training', round: 4 } });
    await expect.element(heading('Round 4 of 5: sent, waiting for the others')).toBeVisible();
  });

  it('comes back to what was sent and received once all rounds are done', async () => {
    await openFederation({ federation: 'ended', section: 'room-abc' });
    await expect.element(heading('All rounds are done')).toBeVisible();
    await expect.element(page.getByText(/This device, for its own rounds: 0\.15–0\.6 Wh/)).toBeVisible();
    // There is nothing to join any more, before and after leaving.
    await expect.element(page.getByRole('button', { name: 'Join anew' })).not.toBeInTheDocument();
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Leave now' }).click();
    await expect.element(heading('You have left')).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Join anew' })).not.toBeInTheDocument();
  });

  it('whose part ended while the run goes on leaves before joining anew: a device has one seat', async () => {
    await openFederation({ federation: 'budget-ended', section: '' });
    await expect.element(heading('The ε that you agreed to is used up')).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Join anew' })).not.toBeInTheDocument();
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Leave now' }).click();
    await page.getByRole('button', { name: 'Join anew' }).click();
    await expect.element(heading(/asks you to train a model together/)).toBeVisible();
  });

  it('finds what a round cost in the budget of the notes', async () => {
    const service = await openFederation({ federation: 'joined', section: '' });
    await expect.element(heading('Waiting for round 1 of 5')).toBeVisible();
    const budget = await service.budget();
    service.budget = () => Promise.resolve({ ...budget, epsilonSpent: 2.4 });
    service.federation.tell({ epsilonSpent: 0.78 });
    await expect.element(page.getByText('ε 2.40 of 4.00')).toBeVisible();
  });

  it('whose ε is used up is told so, and that nothing more is answered', async () => {
    await openFederation({ federation: 'budget-ended', section: '' });
    await expect.element(heading('The ε that you agreed to is used up')).toBeVisible();
    await expect.element(page.getByText(/the limit agreed on is 1\.5/)).toBeVisible();
    // It came as agreed: nothing is wrong.
    await expect.element(page.getByRole('alert')).not.toBeInTheDocument();
  });

  it('whose page was stopped by a fault hears that another page would go on, not that it is over', async () => {
    const service = await openFederation({ federation: 'training', section: '' });
    await expect.element(heading('Round 4 of 5: training on this device')).toBeVisible();
    const failure = { code: 'federation/not-authorised', message: '', hint: '', values: { endpoint: 'pull-messages' } };
    service.federation.tell({ phase: 'ended', isHalted: true, failure });
    await expect.element(heading('This page has stopped taking part')).toBeVisible();
    await expect.element(page.getByText('or another tab, goes on with it')).toBeVisible();
    await expect.element(page.getByText('This device answers no more rounds.')).not.toBeInTheDocument();
    service.federation.tell({ isHalted: false });
    await expect.element(heading('Your part is over')).toBeVisible();
  });

  it('is told why a round was declined, in words and not in codes', async () => {
    await openFederation({ federation: 'refused', section: '' });
    await expect.element(page.getByText('The server asked for more than was agreed.')).toBeVisible();
    await expect.element(page.getByRole('alert')).toHaveTextContent('did not answer');
  });

  it('saves the list of what left: sizes and hashes, no notes', async () => {
    const service = await openFederation({ federation: 'training', section: '' });
    const make = URL.createObjectURL.bind(URL);
    const blobs: Blob[] = [];
    URL.createObjectURL = (blob: Blob) => {
      blobs.push(blob);
      return make(blob);
    };
    try {
      await page.getByRole('button', { name: 'Save the list' }).click();
      await expect.poll(() => blobs.length).toBe(1);
    } finally {
      URL.createObjectURL = make;
    }
    const text = await blobs[0]!.text();
    const list = JSON.parse(text) as { readonly bodies: readonly { readonly endpoint: string; readonly sha256: string; readonly times: number }[]; readonly rounds: readonly { readonly sent: readonly { readonly sha256: string; readonly bytes: number }[] }[] };
    expect(list.rounds).toHaveLength(4);
    expect(list.bodies.find(({ endpoint }) => endpoint === 'enrol')?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(list.bodies.reduce((sum, { times }) => sum + times, 0)).toBeGreaterThan(2000);
    expect(list.rounds[0]!.sent.find(({ bytes }) => bytes === 6288)?.sha256).toMatch(/^[0-9a-f]{64}$/);
    const { dataset } = await service.openProject('project-1');
    expect(text).not.toContain(dataset!.firstNotes[0]!.text);
  });

  it('reads every body that left, call by call', async () => {
    await openFederation({ federation: 'training', section: '' });
    await page.getByText('Every body that left, call by call').click();
    await expect.element(page.getByRole('row', { name: /^asking for work [0-9a-f]{64} 2,380 12 / })).toBeVisible();
    await expect.element(page.getByRole('row', { name: /^taking the seat/ })).toBeVisible();
  });

  it('leaves by two presses, of which the first only asks', async () => {
    await openFederation({ federation: 'training', section: '' });
    await page.getByRole('button', { name: 'Leave' }).click();
    const dialog = page.getByRole('dialog', { name: 'Leave now?' });
    await expect.element(dialog).toHaveTextContent('A round that is being trained is thrown away');
    await dialog.getByRole('button', { name: 'Stay' }).click();
    await expect.element(heading(/training on this device/)).toBeVisible();
    await page.getByRole('button', { name: 'Leave' }).click();
    await dialog.getByRole('button', { name: 'Leave now' }).click();
    await expect.element(heading('You have left')).toHaveFocus();
    await expect.element(page.getByRole('button', { name: 'Leave', exact: true })).not.toBeInTheDocument();
    // And on to an offer, by keyboard.
    page.getByRole('button', { name: 'Join anew' }).element().focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(heading(/asks you to train a model together/)).toHaveFocus();
  });

  it('whose leaving the server does not know yet may erase the key at once', async () => {
    await openFederation({ federation: 'leaving', section: '' });
    await expect.element(heading('Leaving')).toBeVisible();
    await expect.element(page.getByText('keeps its key for that alone')).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Leave', exact: true })).not.toBeInTheDocument();
    await page.getByRole('button', { name: 'Erase the key now' }).click();
    await expect.element(heading('You have left')).toHaveFocus();
    await expect.element(page.getByText('The server could not be told.')).toBeVisible();
  });

  it('fetches a model, and uses what was taken', async () => {
    await openFederation({ federation: 'training', section: '' });
    await page.getByRole('button', { name: 'Fetch and check the newest model' }).click();
    await expect.element(page.getByText('Model 4 was checked and taken.').first()).toBeVisible();
    await expect.element(page.getByRole('row', { name: /^4 after round 4 77%/ })).toBeVisible();
    await page.getByRole('button', { name: 'Use it' }).click();
    await expect.poll(() => location.hash).toBe('#/explain');
  });

  it('whose old membership is over finds its way from a new federation’s invitation to leaving the old one, and back', async () => {
    await page.viewport(1280, 900);
    const app = mountApp({ page: 'start', federation: 'ended' });
    onTestFinished(() => app.close());
    const { federation } = app.service;
    const mine = await federation.offer();
    federation.offer = () => Promise.resolve({ ...mine, taskHash: 'ab'.repeat(32), obstacle: 'other-membership' });
    location.hash = '#/federation/room-next';
    await expect.element(page.getByRole('alert')).toHaveTextContent('Leave that one first.');
    await page.getByRole('button', { name: 'To that one' }).click();
    await expect.element(heading('All rounds are done')).toHaveFocus();
    // Of a coordinator that serves another task nothing more is heard about the old one.
    federation.tell({ status: null });
    await page.getByRole('button', { name: 'Leave' }).click();
    federation.offer = () => Promise.resolve({ ...mine, taskHash: 'ab'.repeat(32) });
    await page.getByRole('dialog').getByRole('button', { name: 'Leave now' }).click();
    await page.getByRole('button', { name: 'Join anew' }).click();
    await expect.element(heading(/asks you to train a model together/)).toBeVisible();
    await expect.element(page.getByRole('alert')).not.toBeInTheDocument();
  });

  it('who had left before sees the invitation of a new link', async () => {
    await openFederation({ federation: 'left', section: 'room-next' });
    await expect.element(heading(/asks you to train a model together/)).toBeVisible();
  });
});
