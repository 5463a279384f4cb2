import axe from 'axe-core';
import { afterEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { BedsideError } from '../ground/errors.ts';
import type { FakeService } from './testing/fake-service.ts';
import { mountApp, type MountOptions } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

async function open({ section = 'room-abc', ...options }: MountOptions & { readonly section?: string } = {}): Promise<FakeService> {
  await page.viewport(1280, 900);
  const app = mountApp({ ...options, page: 'federation' });
  close = app.close;
  location.hash = section === '' ? '#/federation' : `#/federation/${section}`;
  return app.service;
}

const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });
const tickAll = async () => {
  for (const box of page.getByRole('checkbox').all()) await box.click();
};

describe('an invitation', () => {
  it('asks the server nothing before somebody looks at it', async () => {
    await page.viewport(1280, 900);
    const app = mountApp({ page: 'start' });
    close = app.close;
    await expect.element(page.getByRole('link', { name: 'Take part' })).toBeVisible();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(app.service.federation.asked).toBe(0);
    await page.getByRole('link', { name: 'Take part' }).click();
    await expect.element(heading('St Example’s asks you to train a model together')).toBeVisible();
    await expect.element(page.getByText('You need an invitation')).toBeVisible();
  });

  it('says in numbers what would be sent, before anything is', async () => {
    const service = await open();
    await expect.element(page.getByText('9 kBa round, 47 kB in all')).toBeVisible();
    await expect.element(page.getByText('1.90ε of all 5 together')).toBeVisible();
    await expect.element(page.getByText(/Someone guessing at even odds.*right at most 60 times in 100/)).toBeVisible();
    // Five rounds at noise multiplier 4.77 are one Gaussian of mu 0.469: Phi(mu / 2), and Phi(Phi^-1(1 %) + mu), rounded up.
    await expect.element(page.getByText(/At 1% false alarms an attacker finds at most 3\.2% of the people/)).toBeVisible();
    await expect.element(page.getByText(/ε is at most 1\.90/)).toBeVisible();
    // The ledger's limits and the task's sentences, as in the promise of the pooled model.
    const left = page.getByRole('list', { name: 'Not covered:' });
    await expect.element(left).toHaveTextContent(/without a person column they count as new/);
    await expect.element(left).toHaveTextContent(/what the label sentences say/);
    await expect.element(page.getByText('Nothing here hides single updates from the server')).toBeVisible();
    // Nor is it silent on who sends the page that says all this.
    await expect.element(page.getByText('as long as that machine sends you this program and no other')).toBeVisible();
    await expect.element(page.getByText('pose as the coordinator, this page included')).toBeVisible();
    expect(service.federation.joinedWith).toBeNull();
  });

  it('is accepted with the dealt notes, by keyboard, once every box is ticked', async () => {
    const service = await open({ scene: 'empty' });
    await page.getByRole('button', { name: 'Take the notes of my seat' }).click();
    await expect.element(page.getByText('You hold the made-up notes of seat 7.')).toBeVisible();
    await expect.element(page.getByText(/They fit: 312 people with 493 notes/)).toBeVisible();
    const join = page.getByRole('button', { name: 'Join' });
    await expect.element(join).toHaveAttribute('aria-disabled', 'true');
    await join.click({ force: true });
    expect(service.federation.joinedWith).toBeNull();
    await tickAll();
    await expect.element(join).toHaveAttribute('aria-disabled', 'false');
    join.element().focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(heading('Reading your notes for the first round')).toHaveFocus();
    expect(service.federation.joinedWith).toMatchObject({ link: { kind: 'seat', token: 'dealt-invitation' }, epsilonLimit: 1.9 });
  });

  it('keeps what was ticked while notes are dealt, and the place of the keyboard', async () => {
    await open({ scene: 'empty' });
    await page.getByRole('checkbox', { name: /may share noised updates/ }).click();
    page.getByRole('button', { name: 'Take the notes of my seat' }).element().focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByText(/They fit: 312 people with 493 notes/)).toBeVisible();
    await expect.element(page.getByRole('combobox', { name: 'Project' })).toHaveFocus();
    await expect.element(page.getByRole('checkbox', { name: /may share noised updates/ })).toBeChecked();
  });

  it('is accepted with an open project, up to an ε of one’s own', async () => {
    const service = await open({ section: 'seat-mine' });
    await expect.element(page.getByText(/They fit/)).toBeVisible();
    await tickAll();
    const limit = page.getByRole('spinbutton', { name: 'Stop at ε' });
    await limit.fill('9');
    await userEvent.keyboard('{Tab}');
    await expect.element(page.getByText('The number for ε does not fit.')).toBeVisible();
    await limit.fill('1.2');
    await userEvent.keyboard('{Tab}');
    await page.getByRole('button', { name: 'Join' }).click();
    await expect.poll(() => service.federation.joinedWith).toEqual({ projectId: 'project-1', link: { kind: 'seat', token: 'mine' }, epsilonLimit: 1.2 });
  });

  it('that was used by another device says so, and stays', async () => {
    await open({ section: 'seat-used' });
    await expect.element(page.getByText(/They fit/)).toBeVisible();
    await tickAll();
    await page.getByRole('button', { name: 'Join' }).click();
    await expect.element(page.getByRole('alert')).toHaveTextContent('This invitation has been used by another device.');
    await expect.element(page.getByRole('button', { name: 'Join' })).toBeVisible();
  });

  it('whose dealt seat another device took meanwhile says that another one is dealt', async () => {
    const service = await open({ scene: 'empty' });
    service.federation.join = () => Promise.reject(new BedsideError('federation/turned-away', 'settings', 'Refused.', 'Ask.', { reason: 'used-invitation' }));
    await page.getByRole('button', { name: 'Take the notes of my seat' }).click();
    await expect.element(page.getByText(/They fit: 312 people/)).toBeVisible();
    await tickAll();
    await page.getByRole('button', { name: 'Join' }).click();
    await expect.element(page.getByRole('alert')).toHaveTextContent('Take the notes of your seat again: another one is dealt.');
    await expect.element(page.getByRole('button', { name: 'Take the notes of my seat' })).toBeVisible();
  });

  it('says plainly where pooling is not expected to help, and wants that read', async () => {
    await open({ federation: 'not-helping' });
    await expect.element(page.getByText('Probably not.')).toBeVisible();
    await expect.element(page.getByRole('checkbox', { name: 'I know that pooling is not expected to help with notes like mine.' })).toBeVisible();
    await expect.element(page.getByRole('link', { name: 'Train alone' })).toBeVisible();
  });

  it('cannot be accepted where no round fits the budget, the notes do not fit, this device cannot, or all rounds are done', async () => {
    for (const [federation, reason, need] of [['spent', /no room for a single round/, 'These notes have no budget left for a round.'], ['unfit', /3 are not among those of the federation/, 'Choose notes that fit.'], ['obstacle', /another base model/, 'This device cannot take part; the reason is above.'], ['room-done', /All rounds are done/, 'This device cannot take part; the reason is above.']] as const) {
      const service = await open({ federation });
      await expect.element(page.getByText(reason)).toBeVisible();
      await expect.element(page.getByText(need)).toBeVisible();
      await tickAll();
      await page.getByRole('button', { name: 'Join' }).click({ force: true });
      expect(service.federation.joinedWith).toBeNull();
      await close?.();
      close = null;
    }
  });

  it('tells how many rounds the budget has room for', async () => {
    await open({ federation: 'short' });
    await expect.element(page.getByText('The budget of these notes has room for 2 of 5 rounds; the rest would be declined.')).toBeVisible();
  });

  it('draws one update before and after noise, with its first bytes', async () => {
    await open();
    await page.getByRole('button', { name: 'Draw one of my notes' }).click();
    await expect.element(page.getByRole('img', { name: /numbers: they spread 0\.0021 around zero before noise and 0\.015 with it/ })).toBeVisible();
    await expect.element(page.getByText(/The noise is 7\.3 times as wide/)).toBeVisible();
    await page.getByText('The first 64 bytes as they would go out').click();
    await expect.element(page.getByText(/^3d e4 8b/)).toBeVisible();
  });

  it('says under which other terms, where the task has them', async () => {
    for (const [federation, ...texts] of [
      ['projected', /Of each note 768 numbers are read, and turned into 32 in the same way for everybody/, '132numbers in an update', '4 kBa round, 19 kB in all'],
      ['participant', 'you: all the notes that you train on', /Whatever notes you have, what you send comes out nearly the same/, /They fit: 493 notes/],
      ['central', /The server adds noise of its own as well, 0\.05 times the longest update/],
    ] as const) {
      await open({ federation });
      for (const text of texts) await expect.element(page.getByText(text)).toBeVisible();
      await close?.();
      close = null;
    }
  });

  it('is found again after a table was dropped and its columns checked', async () => {
    await open({ scene: 'empty' });
    await expect.element(page.getByRole('button', { name: 'Choose a file' })).toBeVisible();
    const input = document.querySelector<HTMLInputElement>('input[type="file"]')!;
    await userEvent.upload(input, new File(['a,b\n1,2\n'], 'letters.csv', { type: 'text/csv' }));
    await expect.element(heading(/ready to train on/)).toBeVisible();
    await expect.element(page.getByText('You were invited to train together.')).toBeVisible();
    await page.getByRole('link', { name: 'Back to the invitation' }).click();
    await expect.element(page.getByText(/They fit/)).toBeVisible();
    expect(location.hash).toBe('#/federation/room-abc');
  });

  it('where there is no federation, says who could invite', async () => {
    await open({ federation: 'none', section: '' });
    await expect.element(heading('No training together at this address')).toBeVisible();
  });
});

describe('somebody who takes part', () => {
  it('sees each round as it was told and lived, and that the server was held to the agreement', async () => {
    await open({ federation: 'training', section: '' });
    await expect.element(heading('Round 4 of 5: training on this device')).toBeVisible();
    await expect.element(page.getByRole('row', { name: /3 trained and sent rolled back: it was worse 66\.5%/ })).toBeVisible();
    await expect.element(page.getByText('The server asked for noise multiplier 1; 4.77 was agreed and used.')).toBeVisible();
    await expect.element(page.getByRole('img', { name: /After round 3 the pooled model is right in 66\.5%/ })).toBeVisible();
    await expect.element(page.getByRole('link', { name: /^Share\s*, running/ }).first()).toHaveAttribute('aria-current', 'page');
    await expect.element(page.getByText(/No note has left; 28 kB to the coordinator/)).toBeVisible();
  });

  it('hears of a new state once', async () => {
    const service = await open({ federation: 'joined', section: '' });
    await expect.element(heading('Waiting for round 1 of 5')).toBeVisible();
    service.federation.tell({ phase: 'training' });
    await expect.element(page.getByRole('status').filter({ hasText: 'Round 1 of 5: training on this device' })).toBeInTheDocument();
  });

  it('hears what came of a round once, beside what goes on', async () => {
    const service = await open({ federation: 'joined', section: '' });
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
    const service = await open({ federation: 'training', section: '' });
    await expect.element(heading('Round 4 of 5: training on this device')).toBeVisible();
    const { status } = await service.federation.offer();
    const rounds = [{ round: 4, atMs: 0, outcome: 'delivered' as const, reason: null, epsilon: 0.78, energyWh: null, clamps: [], sent: [] }];
    service.federation.tell({ phase: 'waiting', rounds, status: { ...status, state: 'training', round: 4 } });
    await expect.element(heading('Round 4 of 5: sent, waiting for the others')).toBeVisible();
  });

  it('comes back to what was sent and received once all rounds are done', async () => {
    await open({ federation: 'ended', section: 'room-abc' });
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
    await open({ federation: 'budget-ended', section: '' });
    await expect.element(heading('The ε that you agreed to is used up')).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Join anew' })).not.toBeInTheDocument();
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Leave now' }).click();
    await page.getByRole('button', { name: 'Join anew' }).click();
    await expect.element(heading(/asks you to train a model together/)).toBeVisible();
  });

  it('finds what a round cost in the budget of the notes', async () => {
    const service = await open({ federation: 'joined', section: '' });
    await expect.element(heading('Waiting for round 1 of 5')).toBeVisible();
    const budget = await service.budget();
    service.budget = () => Promise.resolve({ ...budget, epsilonSpent: 2.4 });
    service.federation.tell({ epsilonSpent: 0.78 });
    await expect.element(page.getByText('ε 2.40 of 4.00')).toBeVisible();
  });

  it('whose ε is used up is told so, and that nothing more is answered', async () => {
    await open({ federation: 'budget-ended', section: '' });
    await expect.element(heading('The ε that you agreed to is used up')).toBeVisible();
    await expect.element(page.getByText(/the limit agreed on is 1\.5/)).toBeVisible();
    // It came as agreed: nothing is wrong.
    await expect.element(page.getByRole('alert')).not.toBeInTheDocument();
  });

  it('whose page was stopped by a fault hears that another page would go on, not that it is over', async () => {
    const service = await open({ federation: 'training', section: '' });
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
    await open({ federation: 'refused', section: '' });
    await expect.element(page.getByText('The server asked for more than was agreed.')).toBeVisible();
    await expect.element(page.getByRole('alert')).toHaveTextContent('did not answer');
  });

  it('saves the list of what left: sizes and hashes, no notes', async () => {
    const service = await open({ federation: 'training', section: '' });
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
    await open({ federation: 'training', section: '' });
    await page.getByText('Every body that left, call by call').click();
    await expect.element(page.getByRole('row', { name: /^asking for work [0-9a-f]{64} 2,380 12 / })).toBeVisible();
    await expect.element(page.getByRole('row', { name: /^taking the seat/ })).toBeVisible();
  });

  it('leaves by two presses, of which the first only asks', async () => {
    await open({ federation: 'training', section: '' });
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
    await open({ federation: 'leaving', section: '' });
    await expect.element(heading('Leaving')).toBeVisible();
    await expect.element(page.getByText('keeps its key for that alone')).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Leave', exact: true })).not.toBeInTheDocument();
    await page.getByRole('button', { name: 'Erase the key now' }).click();
    await expect.element(heading('You have left')).toHaveFocus();
    await expect.element(page.getByText('The server could not be told.')).toBeVisible();
  });

  it('fetches a model, and uses what was taken', async () => {
    await open({ federation: 'training', section: '' });
    await page.getByRole('button', { name: 'Fetch and check the newest model' }).click();
    await expect.element(page.getByText('Model 4 was checked and taken.').first()).toBeVisible();
    await expect.element(page.getByRole('row', { name: /^4 after round 4 77%/ })).toBeVisible();
    await page.getByRole('button', { name: 'Use it' }).click();
    await expect.poll(() => location.hash).toBe('#/explain');
  });

  it('whose old membership is over finds its way from a new federation’s invitation to leaving the old one, and back', async () => {
    await page.viewport(1280, 900);
    const app = mountApp({ page: 'start', federation: 'ended' });
    close = app.close;
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
    await open({ federation: 'left', section: 'room-next' });
    await expect.element(heading(/asks you to train a model together/)).toBeVisible();
  });
});

describe('the wall of a room', () => {
  it('shows the way in as an image, and what changes', async () => {
    const service = await open({ federation: 'room-30', section: 'projector-abc', scene: 'empty' });
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
    const service = await open({ federation: 'room-30', section: 'projector-abc', scene: 'empty' });
    await expect.element(heading('Round 4 of 5 goes on')).toBeVisible();
    location.hash = '#/settings';
    await expect.element(heading('Settings')).toBeVisible();
    const { asked } = service.federation;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(service.federation.asked).toBe(asked);
  });

  it('keeps what it knows while the server does not answer', async () => {
    const service = await open({ federation: 'room-30', section: 'projector-abc', scene: 'empty' });
    await expect.element(heading('Round 4 of 5 goes on')).toBeVisible();
    service.federation.projector = () => Promise.reject(new Error('gone'));
    await expect.element(page.getByText('The server does not answer. What stands here is what it last said.')).toBeVisible();
    await expect.element(heading('Round 4 of 5 goes on')).toBeVisible();
  });

  it('has no code where invitations are handed out by hand, and refuses a link that is none', async () => {
    await open({ section: 'projector-by-hand', scene: 'empty' });
    await expect.element(page.getByText('Invitations are handed out by hand.')).toBeVisible();
    await expect.element(page.getByRole('img', { name: /QR code/ })).not.toBeInTheDocument();
    location.hash = '#/federation/projector-wrong';
    await expect.element(page.getByRole('alert')).toHaveTextContent('This invitation is not known here.');
  });
});

describe('who takes part', () => {
  it('is counted without those who have left, once', async () => {
    const app = mountApp({ page: 'start' });
    close = app.close;
    const { federation } = app.service;
    const { status, ...offer } = await federation.offer();
    federation.offer = () => Promise.resolve({ ...offer, status: { ...status, participants: { ...status.participants, seats: 30, enrolled: 4, left: 3, needed: 2 } } });
    location.hash = '#/federation/room-abc';
    await expect.element(page.getByText('4 of 30 seats; a round needs 2')).toBeVisible();
  });
});

describe('on a telephone', () => {
  it('an invitation breaks no label in the middle of a word', async () => {
    await page.viewport(390, 900);
    const app = mountApp({ page: 'start', scene: 'empty' });
    close = app.close;
    const { federation } = app.service;
    const { task, ...offer } = await federation.offer();
    federation.offer = () => Promise.resolve({ ...offer, task: { ...task, labels: ['Gastroenterology', 'Otorhinolaryngology', 'Cardiology', 'Neurology'] } });
    location.hash = '#/federation/room-abc';
    for (const label of ['Gastroenterology', 'Otorhinolaryngology']) {
      const cell = page.getByText(label, { exact: true }).first();
      await expect.element(cell).toBeVisible();
      const range = document.createRange();
      range.selectNodeContents(cell.element());
      expect(new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size, label).toBe(1);
    }
  });
});

describe('axe finds nothing, and nothing scrolls sideways', () => {
  const scenes = [
    ['offer', 'room-abc'], ['not-helping', 'room-abc'], ['spent', 'room-abc'], ['unfit', 'room-abc'], ['obstacle', 'room-abc'], ['room-done', 'room-abc'], ['projected', 'room-abc'], ['participant', 'room-abc'], ['central', 'room-abc'], ['none', ''],
    ['joined', ''], ['training', ''], ['refused', ''], ['leaving', ''], ['left', ''], ['ended', ''], ['budget-ended', ''],
    ['offer', 'projector-abc'], ['room-30', 'projector-abc'], ['room-done', 'projector-abc'], ['participant', 'projector-by-hand'],
  ] as const;
  const isWall = (section: string) => section.startsWith('projector');
  // Every scene twice; on the widest screens walls hang, and what is longest is read on a telephone in both languages.
  for (const [width, theme, language, isMeant] of [
    [1280, 'light', 'en', () => true], [390, 'dark', 'zh', () => true], [1920, 'dark', 'en', isWall], [390, 'light', 'en', (_section: string, federation: string) => ['offer', 'training', 'room-30'].includes(federation)],
  ] as const) {
    it(`${width} wide, ${theme}, ${language}`, async () => {
      await page.viewport(width, 900);
      for (const [federation, section] of scenes.filter(([name, section]) => isMeant(section, name))) {
        const app = mountApp({ page: 'federation', federation, theme, language });
        close = app.close;
        location.hash = section === '' ? '#/federation' : `#/federation/${section}`;
        await expect.poll(() => document.querySelector('main')?.dataset['page'], { timeout: 60_000 }).toBe('federation');
        await expect.poll(() => document.querySelector('main h1:not(.vh)')).not.toBeNull();
        await expect.poll(() => document.querySelector('.skeleton, [aria-busy="true"]')).toBeNull();
        for (const details of document.querySelectorAll('details')) details.open = true;
        await new Promise((resolve) => setTimeout(resolve, 150));
        expect(document.documentElement.scrollWidth, `${federation} scrolls sideways`).toBeLessThanOrEqual(document.documentElement.clientWidth);
        const { violations } = await axe.run(document, { resultTypes: ['violations'] });
        expect(violations.map(({ id, nodes }) => `${federation} ${id}: ${nodes[0]?.target.join(' ') ?? ''} ${nodes[0]?.failureSummary ?? ''}`)).toEqual([]);
        await app.close();
        close = null;
      }
    });
  }
});
