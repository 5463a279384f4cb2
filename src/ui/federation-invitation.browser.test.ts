import { describe, expect, it, onTestFinished } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { BedsideError } from '../ground/errors.ts';
import { mountApp } from './testing/mount-app.ts';
import { heading, openFederation } from './testing/federation-page.ts';

const tickAll = async () => {
  for (const box of page.getByRole('checkbox').all()) await box.click();
};

describe('an invitation', () => {
  it('asks the server nothing before somebody looks at it', async () => {
    await page.viewport(1280, 900);
    const app = mountApp({ page: 'start' });
    onTestFinished(() => app.close());
    await expect.element(page.getByRole('link', { name: 'Take part' })).toBeVisible();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(app.service.federation.asked).toBe(0);
    await page.getByRole('link', { name: 'Take part' }).click();
    await expect.element(heading('St Example’s asks you to train a model together')).toBeVisible();
    await expect.element(page.getByText('You need an invitation')).toBeVisible();
  });

  it('says in numbers what would be sent, before anything is', async () => {
    const service = await openFederation();
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
    const service = await openFederation({ scene: 'empty' });
    await page.getByRole('button', { name: 'Take the notes of my seat' }).click();
    await expect.element(page.getByText('You hold the made-up notes of seat 7.')).toBeVisible();
    await expect.element(page.getByText(/They fit: 312 people with 493 notes/)).toBeVisible();
    await expect.element(page.getByText(/^Privacy budget of these notes, training part: ε 1\.62 → /)).toBeVisible();
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
    await openFederation({ scene: 'empty' });
    await page.getByRole('checkbox', { name: /may share noised updates/ }).click();
    page.getByRole('button', { name: 'Take the notes of my seat' }).element().focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByText(/They fit: 312 people with 493 notes/)).toBeVisible();
    await expect.element(page.getByRole('combobox', { name: 'Project' })).toHaveFocus();
    await expect.element(page.getByRole('checkbox', { name: /may share noised updates/ })).toBeChecked();
  });

  it('is accepted with an open project, up to an ε of one’s own', async () => {
    const service = await openFederation({ section: 'seat-mine' });
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
    await openFederation({ section: 'seat-used' });
    await expect.element(page.getByText(/They fit/)).toBeVisible();
    await tickAll();
    await page.getByRole('button', { name: 'Join' }).click();
    await expect.element(page.getByRole('alert')).toHaveTextContent('This invitation has been used by another device.');
    await expect.element(page.getByRole('button', { name: 'Join' })).toBeVisible();
  });

  it('whose dealt seat another device took meanwhile says that another one is dealt', async () => {
    const service = await openFederation({ scene: 'empty' });
    service.federation.join = () => Promise.reject(new BedsideError('federation/turned-away', 'settings', 'Refused.', 'Ask.', { reason: 'used-invitation' }));
    await page.getByRole('button', { name: 'Take the notes of my seat' }).click();
    await expect.element(page.getByText(/They fit: 312 people/)).toBeVisible();
    await tickAll();
    await page.getByRole('button', { name: 'Join' }).click();
    await expect.element(page.getByRole('alert')).toHaveTextContent('Take the notes of your seat again: another one is dealt.');
    await expect.element(page.getByRole('button', { name: 'Take the notes of my seat' })).toBeVisible();
  });

  it('says plainly where pooling is not expected to help, and wants that read', async () => {
    await openFederation({ federation: 'not-helping' });
    await expect.element(page.getByText('Probably not.')).toBeVisible();
    await expect.element(page.getByRole('checkbox', { name: 'I know that pooling is not expected to help with notes like mine.' })).toBeVisible();
    await expect.element(page.getByRole('link', { name: 'Train alone' })).toBeVisible();
  });

  it('cannot be accepted where no round fits the budget, the notes do not fit, this device cannot, or all rounds are done', async () => {
    for (const [federation, reason, need] of [['spent', /no room for a single round/, 'These notes have no budget left for a round.'], ['unfit', /3 are not among those of the federation/, 'Choose notes that fit.'], ['obstacle', /another base model/, 'This device cannot take part; the reason is above.'], ['room-done', /All rounds are done/, 'This device cannot take part; the reason is above.']] as const) {
      const service = await openFederation({ federation });
      await expect.element(page.getByText(reason)).toBeVisible();
      await expect.element(page.getByText(need)).toBeVisible();
      await tickAll();
      await page.getByRole('button', { name: 'Join' }).click({ force: true });
      expect(service.federation.joinedWith).toBeNull();
    }
  });

  it('tells how many rounds the budget has room for', async () => {
    await openFederation({ federation: 'short' });
    await expect.element(page.getByText('The budget of these notes has room for 2 of 5 rounds; the rest would be declined.')).toBeVisible();
  });

  it('draws one update before and after noise, with its first bytes', async () => {
    await openFederation();
    await page.getByRole('button', { name: 'Draw one of my notes' }).click();
    await expect.element(page.getByRole('img', { name: /numbers: they spread 0\.0021 around zero before noise and 0\.015 with it/ })).toBeVisible();
    await expect.element(page.getByText(/The noise is 7\.3 times as wide/)).toBeVisible();
    await page.getByText('The first 64 bytes as they would go out').click();
    await expect.element(page.getByText(/^3d e4 8b/)).toBeVisible();
  });

  it('says under which other terms, where the task has them', async () => {
    for (const [federation, ...texts] of [
      ['projected', /Of each note 384 numbers are read, and turned into 32 in the same way for everybody/, '132numbers in an update', '4 kBa round, 19 kB in all'],
      ['participant', 'you: all the notes that you train on', /Whatever notes you have, what you send comes out nearly the same/, /They fit: 493 notes/],
      ['central', /The server adds noise of its own as well, 0\.05 times the longest update/],
    ] as const) {
      await openFederation({ federation });
      for (const text of texts) await expect.element(page.getByText(text)).toBeVisible();
    }
  });

  it('is found again after a table was dropped and its columns checked', async () => {
    await openFederation({ scene: 'empty' });
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
    await openFederation({ federation: 'none', section: '' });
    await expect.element(heading('No training together at this address')).toBeVisible();
  });
});

describe('who takes part', () => {
  it('is counted without those who have left, once', async () => {
    const app = mountApp({ page: 'start' });
    onTestFinished(() => app.close());
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
    onTestFinished(() => app.close());
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
