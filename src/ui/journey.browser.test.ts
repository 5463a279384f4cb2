import { afterEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { mountApp, type MountOptions } from './testing/mount-app.ts';
import { en } from './words/en.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

async function open(options: MountOptions) {
  await page.viewport(1280, 900);
  const app = mountApp(options);
  close = app.close;
  return app;
}

const heading = (name: string | RegExp) => expect.element(page.getByRole('heading', { level: 1, name }), { timeout: 60_000 });
/** What a file dialog does once a file was picked. */
function choose(file: File): void {
  const input = document.querySelector<HTMLInputElement>('input[type=file]')!;
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  input.dispatchEvent(new Event('change', { bubbles: true }));
}

const button = (name: string | RegExp) => page.getByRole('button', { name });

describe('start', () => {
  it('reads a dropped file with progress and opens its data', async () => {
    await open({ scene: 'empty', delayMs: 10 });
    await heading(/Teach a model/).toBeVisible();
    const zone = page.getByRole('group', { name: 'Drop your notes here' }).element();
    const transfer = new DataTransfer();
    transfer.items.add(new File(['Letter,Follow-up\n'], 'clinic.csv'));
    zone.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    await expect.element(page.getByRole('progressbar', { name: 'Reading' })).toBeInTheDocument();
    await heading('6,154 notes are ready to train on').toBeVisible();
  });

  it('says what is wrong with a file that is no table', async () => {
    await open({ scene: 'empty' });
    await heading(/Teach a model/).toBeVisible();
    choose(new File(['%PDF'], 'letter.pdf'));
    await expect.element(page.getByRole('alert')).toHaveTextContent('This is a PDF, not a table.');
    await expect.element(button('Choose a file')).toBeVisible();
  });

  it('cancels a reading', async () => {
    await open({ scene: 'empty', delayMs: 200 });
    await heading(/Teach a model/).toBeVisible();
    choose(new File(['a'], 'a.csv'));
    await button('Cancel').click();
    await expect.element(button('Choose a file')).toHaveFocus();
    await heading(/Teach a model/).toBeVisible();
  });

  it('deletes a project only after saying what stays, and gives the focus back', async () => {
    await open({ scene: 'done' });
    const more = button('More for workshop, made-up notes');
    await more.click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Delete “workshop, made-up notes”?' });
    await expect.element(dialog).toHaveTextContent(/the ledger keeps its events and salted hashes/);
    await expect.element(dialog.getByRole('button').first()).toHaveTextContent('Keep it');
    await userEvent.keyboard('{Escape}');
    await expect.element(more).toHaveFocus();
    await more.click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await expect.element(more).not.toBeInTheDocument();
  });
});

describe('data', () => {
  it('holds one label column: choosing another leaves the first out', async () => {
    await open({ scene: 'fresh', page: 'data' });
    const typist = page.getByRole('combobox', { name: 'Use column Typist as' });
    await typist.selectOptions('label');
    await expect.element(page.getByRole('combobox', { name: 'Use column Follow-up as' })).toHaveValue('ignore');
    await expect.element(page.getByRole('status')).toHaveTextContent(/Follow-up is left out now/);
  });

  it('asks for a text column when there is none, and takes the step back', async () => {
    await open({ scene: 'fresh', page: 'data' });
    await page.getByRole('combobox', { name: 'Use column Letter as' }).selectOptions('ignore');
    await expect.element(page.getByRole('alert')).toHaveTextContent('Choose the column that holds the text of the note.');
    await heading('Say what each column is').toBeVisible();
    await expect.element(page.getByRole('link', { name: 'Use this data' })).not.toBeInTheDocument();
  });

  it('names at the top the quote that holds rows, before any column is looked at', async () => {
    await open({ scene: 'fresh', page: 'data' });
    await expect.element(page.getByText('6 rows could not be read.')).toBeVisible();
    await expect.element(page.getByText('Row 4,990: a quote opens and never closes. Add a closing quote; rows up to 4,994 are inside it.')).toBeVisible();
  });

  it('shows row, problem and remedy, never the text of the row', async () => {
    await open({ scene: 'fresh', page: 'data' });
    const table = page.getByRole('table', { name: 'Rows set aside' });
    await expect.element(table).toHaveTextContent(/1,482.*9 columns, the header has 8.*Check for an unquoted separator/);
  });

  it('saves a label sentence when its field is left', async () => {
    const { service } = await open({ scene: 'fresh', page: 'data' });
    const field = page.getByRole('textbox', { name: /^No follow-up/ });
    await field.fill('nothing more is needed');
    await userEvent.keyboard('{Tab}');
    await expect.poll(async () => (await service.openProject('project-1')).sentences['No follow-up']).toBe('nothing more is needed');
  });
});

describe('train', () => {
  it('shows the cost before the start, trains, and the panel moves', async () => {
    await open({ scene: 'done', page: 'train', stepMs: 40 });
    await heading('Run 5 is ready to start').toBeVisible();
    const cost = page.getByRole('region', { name: 'What it will cost' });
    await expect.element(cost).toHaveTextContent(/about 31 minutes.*8\.6 Wh.*ε 1\.38/);
    await button('Start training').click();
    await heading('Run 5 is training').toBeVisible();
    await expect.element(page.getByRole('img', { name: /^Observation chart of run 5, step \d+ of 50\. Accuracy/ })).toBeInTheDocument();
    await heading('Run 5 is done').toBeVisible();
    await expect.element(page.getByRole('link', { name: 'See the results' })).toBeVisible();
    await expect.element(page.getByRole('status')).toHaveTextContent('Run 5 is done');
  });

  it('keeps the keyboard where it is of use: whoever starts by it stands at the heading', async () => {
    await open({ scene: 'done', page: 'train', stepMs: 40 });
    await heading('Run 5 is ready to start').toBeVisible();
    await expect.element(button('Start training')).toHaveAttribute('aria-disabled', 'false');
    button('Start training').element().focus();
    await userEvent.keyboard('{Enter}');
    await heading('Run 5 is training').toHaveFocus();
    await userEvent.keyboard(' ');
    await heading('Run 5 is paused').toBeVisible();
  });

  it('says after a run what another would come to, and plans it at its new price', async () => {
    await open({ scene: 'fresh', page: 'train' });
    const budget = page.getByRole('region', { name: /^Privacy budget/ });
    await button('Start training').click();
    await heading('Run 1 is done').toBeVisible();
    await expect.element(budget).toHaveTextContent('Another run of the same plan would bring the training part to 2.76 and the held-out part to 2.00.');
    await button('Plan the next run').click();
    await expect.element(page.getByRole('region', { name: 'What it will cost' })).toHaveTextContent('2.76 with all earlier runs');
    await button('Start training').click();
    await heading('Run 2 is done').toBeVisible();
    await expect.element(budget).toHaveTextContent('Another run of the same plan would not fit: it would bring the training part to 4.14 and the held-out part to 2.00.');
  });

  it('pauses and goes on by the space bar, but not from a field', async () => {
    const { settings } = await open({ scene: 'done', page: 'train', stepMs: 40 });
    await button('Start training').click();
    await heading('Run 5 is training').toBeVisible();
    (document.activeElement as HTMLElement | null)?.blur();
    await userEvent.keyboard(' ');
    await heading('Run 5 is paused').toBeVisible();
    settings.setSingleKeys(false);
    await userEvent.keyboard(' ');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await heading('Run 5 is paused').toBeVisible();
    await button(/^Resume/).click();
    await heading('Run 5 is training').toBeVisible();
    await button('Stop and keep').click();
    await heading('Run 5 stopped and kept').toBeVisible();
  });

  it('finds its run again after another project was looked at', async () => {
    await open({ scene: 'fresh', page: 'train', stepMs: 200 });
    await button(/^Start training/).click();
    await heading(/is training/).toBeVisible();
    location.hash = '#/start';
    await page.getByRole('main').getByRole('button', { name: 'workshop, made-up notes', exact: true }).click();
    await heading(/notes are ready to train on/).toBeVisible();
    location.hash = '#/start';
    await page.getByRole('main').getByRole('button', { name: 'clinic-letters-2025', exact: true }).click();
    location.hash = '#/train';
    await heading(/is training/).toBeVisible();
    await button('Stop and keep').click();
    await heading(/stopped and kept/).toBeVisible();
  });

  it('does not start a plan that is over the budget, and raising the limit says what it gives up', async () => {
    await open({ scene: 'spent', page: 'train' });
    await expect.element(page.getByText('This plan does not fit the budget')).toBeVisible();
    await expect.element(button('Start training')).toHaveAttribute('aria-disabled', 'true');
    await button('Raise the limit').click();
    const dialog = page.getByRole('dialog', { name: 'Raise the limit of these notes?' });
    await expect.element(dialog).toHaveTextContent(/promises less/);
    await dialog.getByRole('button', { name: 'Raise the limit' }).click();
    await expect.element(button('Start training')).toHaveAttribute('aria-disabled', 'false');
  });

  it('says where notes of unknown persons were charged for, and nowhere else', async () => {
    const budget = page.getByRole('region', { name: /^Privacy budget/ });
    await open({ scene: 'mixed-units', page: 'train' });
    await expect.element(budget).toHaveTextContent(/may have spent more than is shown/);
    await close?.();
    await open({ scene: 'done', page: 'train' });
    await expect.element(budget).toHaveTextContent(/It would|would bring the training part to/);
    await expect.element(budget).not.toHaveTextContent(/single notes/);
  });

  it('offers to resume an interrupted run and says that a step is charged again', async () => {
    await open({ scene: 'interrupted', page: 'train' });
    await heading('Run 3 was interrupted').toBeVisible();
    await expect.element(page.getByText(/charged again/)).toBeVisible();
    await button('Resume the run').click();
    await heading('Run 3 is done').toBeVisible();
  });

  it('says in the place of the promise that a plain run is not private', async () => {
    await open({ scene: 'fresh', page: 'train' });
    await button('Change').click();
    await page.getByRole('radio', { name: 'Not private' }).click();
    await expect.element(page.getByRole('region', { name: 'What this run promises' })).toHaveTextContent('This run promises nothing. It is not private.');
  });

  it('leaves the keyboard at its question where another kind of plan is chosen', async () => {
    await open({ scene: 'fresh', page: 'train' });
    await button('Change').click();
    const choice = (name: string | RegExp) => page.getByRole('radio', { name });
    await expect.element(choice(/^Private$/)).toHaveFocus();
    await userEvent.keyboard('{ArrowRight}');
    await expect.element(choice(/^Not private$/)).toBeChecked();
    await expect.element(choice(/^Not private$/)).toHaveFocus();
    await userEvent.keyboard('{Tab}{ArrowDown}');
    await expect.element(choice(/^Not private, adapters/)).toBeChecked();
    await expect.element(choice(/^Not private, adapters/)).toHaveFocus();
    await userEvent.keyboard('{ArrowDown}');
    await expect.element(choice(/^Not private, whole layers/)).toHaveFocus();
    // The button goes with what it takes back.
    await button(en.train.plan.reset).click();
    await expect.element(choice(/^Private$/)).toHaveFocus();
  });

  it('starts another method from the values that were proposed for it', async () => {
    const { service } = await open({ scene: 'fresh', page: 'train' });
    const { alternatives } = await service.proposePlan('project-1');
    await button('Change').click();
    await page.getByRole('radio', { name: /^Private, adapters and last layer/ }).click();
    await expect.element(page.getByRole('spinbutton', { name: 'Steps' })).toHaveValue(alternatives['dp-sgd'].steps);
    await expect.element(page.getByRole('spinbutton', { name: 'Clip norm' })).toHaveValue(alternatives['dp-sgd'].clipNorm);
    await page.getByRole('radio', { name: 'Not private' }).click();
    await expect.element(page.getByRole('spinbutton', { name: 'Learning rate' })).toHaveValue(alternatives['plain-lora'].learningRate);
  });

  it('marks a number that does not fit and does not pass it on', async () => {
    await open({ scene: 'fresh', page: 'train' });
    await button('Change').click();
    const field = page.getByRole('spinbutton', { name: 'Target ε of this run' });
    await field.fill('-1');
    await userEvent.keyboard('{Tab}');
    await expect.element(field).toHaveAttribute('aria-invalid', 'true');
    await expect.element(page.getByText('Changed by you')).not.toBeInTheDocument();
    await field.fill('0.5');
    await userEvent.keyboard('{Tab}');
    await expect.element(page.getByText('Changed by you')).toBeVisible();
  });

  it('offers the label sentences where the notes are too few', async () => {
    await open({ scene: 'few', page: 'train' });
    await button('Use the label sentences alone').click();
    await expect.element(button('Make the model')).toBeVisible();
    // Of a private model alone.
    const few = page.getByText('too few notes for a private model', { exact: false });
    await expect.element(few.first()).toBeVisible();
    await button('Change').click();
    await page.getByRole('radio', { name: 'Not private', exact: true }).click();
    await expect.element(few.first()).not.toBeInTheDocument();
  });

  it('is locked while the chain of the ledger is broken', async () => {
    await open({ scene: 'broken-chain', page: 'train' });
    await heading('Training is locked: the ledger is not intact').toBeVisible();
    await expect.element(button('Start training')).toHaveAttribute('aria-disabled', 'true');
  });
});

describe('after a run', () => {
  it('the results state the finding, and the model is saved only after saying what goes', async () => {
    await open({ scene: 'done', page: 'results' });
    await heading('Right for 84 in 100 held-out notes').toBeVisible();
    await button('Save the model').click();
    await expect.element(page.getByRole('dialog')).toHaveTextContent(/trained without privacy/);
    await userEvent.keyboard('{Escape}');
    await page.getByRole('combobox', { name: 'Run' }).selectOptions('run-3');
    await expect.element(page.getByRole('region', { name: 'What this run promised' })).toHaveTextContent(/ε is at most 1\.38; .*At 1% false alarms an attacker finds at most \d/);
  });

  it('fairness hides a small group and says why', async () => {
    await open({ scene: 'done', page: 'results' });
    await expect.element(page.getByText('hidden: fewer than 10 notes').first()).toBeInTheDocument();
  });

  it.each([1280, 390])('names in the table of mix-ups break between words alone, %i wide', async (width) => {
    const { service } = await open({ scene: 'done' });
    await page.viewport(width, 800);
    const given = service.results;
    service.results = async (...asked) => ({ ...(await given(...asked)), labels: ['Gastroenterology', 'Past medical history', 'ear_nose_throat', 'Follow-up'] });
    location.hash = '#/results';
    const table = page.getByRole('table', { name: en.results.confusion.caption });
    await expect.element(table).toBeVisible();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const texts = document.createTreeWalker(table.element(), NodeFilter.SHOW_TEXT);
    const lines: string[] = [];
    while (texts.nextNode()) {
      const text = texts.currentNode;
      if (!text.parentElement?.closest('th')) continue;
      for (const { 0: word, index } of (text.textContent ?? '').matchAll(/[^\s-]+/g)) {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        lines.push(`${word} ${range.getClientRects().length}`);
      }
    }
    expect(lines.filter((line) => line.startsWith('Gastro'))).toEqual(['Gastroenterology 1', 'Gastroenterology 1']);
    expect(lines.filter((line) => !line.endsWith(' 1'))).toEqual([]);
    expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(document.documentElement.clientWidth);
  });

  it('a note is classified, and a changed note makes the answer stale', async () => {
    await open({ scene: 'done', page: 'explain' });
    const note = page.getByRole('textbox', { name: 'Note' });
    await note.fill('Crushing chest pain, ECG changes.');
    await button('Classify').click();
    await heading('Run 4 says: Urgent').toBeVisible();
    await note.fill('Something else.');
    await heading('Try a note').toBeVisible();
    await expect.element(page.getByText('The note has changed since. Classify it again.')).toBeVisible();
  });

  it('a labelled file says what was passed over, and how it was read', async () => {
    await open({ scene: 'done', page: 'explain' });
    await heading('Try a note').toBeVisible();
    await expect.element(button('Choose a file')).toBeVisible();
    choose(new File(['Letter\nseen today\n'], 'more.csv'));
    await expect.element(page.getByText(/^4 rows have no label: 1 with another number of columns than the header; 3 without text\. What has no label stands in the file/)).toBeVisible();
    await expect.element(page.getByText(/^2 labelled notes are not in Latin letters\./)).toBeVisible();
    await expect.element(page.getByText('Notes taken from the column “Letter”, as in training. Read as GB18030 (GBK). 7 notes are longer than 256 word pieces; the rest of them was not read.')).toBeVisible();
  });

  it('the ledger tells neighbouring charges as one line', async () => {
    await open({ scene: 'done', page: 'runs' });
    await expect.element(page.getByRole('table', { name: 'Ledger events' })).toHaveTextContent(/Run 3: 50 charges for training steps.*; training part/);
  });

  it('shows the budget of the held-out part beside the training part’s, and what was charged to it', async () => {
    await open({ scene: 'done', page: 'runs' });
    await expect.element(page.getByRole('region', { name: 'Notes that were held out' }).getByRole('img', { name: /^Privacy budget: 1\.00 of 4\.00 spent/ })).toBeVisible();
    await expect.element(page.getByRole('region', { name: 'Notes that were trained on' }).getByRole('img', { name: /^Privacy budget: 1\.62 of 4\.00 spent/ })).toBeVisible();
    await expect.element(page.getByText(/^Each part has a budget of its own, with the same limit\./)).toBeVisible();
    await expect.element(page.getByRole('table', { name: 'Ledger events' })).toHaveTextContent(/Run 3: 1 charge for the score that may leave.*; held-out part/);
  });

  it('ends both budgets of a copy where what it brought with it is used up', async () => {
    await open({ scene: 'copy', page: 'runs' });
    // 0.6 are left of what was brought.
    await expect.element(page.getByRole('region', { name: 'Notes that were held out' }).getByRole('img', { name: /^Privacy budget: 1\.00 of 1\.60 spent/ })).toBeVisible();
    await expect.element(page.getByRole('region', { name: 'Notes that were trained on' }).getByRole('img', { name: /^Privacy budget: 1\.62 of 2\.22 spent/ })).toBeVisible();
    await expect.element(page.getByText(/^Each part has a budget of its own; neither goes beyond what this copy brought with it\./)).toBeVisible();
  });
});

describe('the frame', () => {
  it('moves the focus to the heading on navigation and skips to the content', async () => {
    await open({ scene: 'done' });
    await page.getByRole('navigation', { name: 'Project', exact: true }).getByRole('link', { name: 'Runs' }).click();
    await heading('4 runs on these notes').toHaveFocus();
  });

  it('speaks Chinese at a press and keeps the choice', async () => {
    const { settings } = await open({ scene: 'done', page: 'runs' });
    await button('切换到中文').click();
    await heading('在这批病历上运行过 4 次').toBeVisible();
    expect(settings.language).toBe('zh');
    expect(document.documentElement.lang).toBe('zh-CN');
  });

  it('is told the machine, the country and measured watts, and takes watts back', async () => {
    const { service } = await open({ scene: 'fresh', page: 'settings' });
    const energy = page.getByRole('region', { name: 'Energy estimate' });
    await energy.getByRole('combobox', { name: 'Kind of machine' }).selectOptions('Laptop, 15–28 W, built-in graphics');
    await energy.getByRole('combobox', { name: 'Country of the electricity' }).selectOptions('United Kingdom, 238 g/kWh, 2023');
    await expect.element(energy).toHaveTextContent(/Now: 20 W extra when fully busy.*counts as 238 g CO₂e/);
    const watts = energy.getByRole('spinbutton', { name: 'Watts from a wall meter' });
    await watts.fill('17');
    await userEvent.keyboard('{Tab}');
    await expect.element(energy).toHaveTextContent(/Now: 17 W extra while training, as you measured/);
    expect((await service.energy()).settings).toEqual({ deviceClass: 'laptop-integrated', measuredWatts: 17, country: 'GBR' });
    await watts.fill('0');
    await userEvent.keyboard('{Tab}');
    await expect.element(watts).toHaveAttribute('aria-invalid', 'true');
    await watts.fill('');
    await userEvent.keyboard('{Tab}');
    await expect.element(energy).toHaveTextContent(/Now: 20 W extra when fully busy/);
  });

  it('leaves room for other work, or no longer', async () => {
    const { service } = await open({ scene: 'fresh', page: 'settings' });
    const room = page.getByRole('checkbox', { name: 'Leave room for other work' });
    await expect.element(room).not.toBeChecked();
    await expect.element(room).toHaveAccessibleDescription(/training takes about twice as long/);
    await room.click();
    await expect.poll(async () => (await service.device()).leavesRoom).toBe(true);
    await expect.element(room).toBeChecked();
    await room.click();
    await expect.poll(async () => (await service.device()).leavesRoom).toBe(false);
    await expect.element(room).not.toBeChecked();
  });

  it('erases the ledger only once the consequence is ticked', async () => {
    const { service } = await open({ scene: 'done', page: 'settings' });
    await button('Erase the ledger').click();
    const dialog = page.getByRole('dialog', { name: 'Erase the ledger of this device?' });
    await expect.element(dialog.getByRole('button', { name: 'Erase it' })).toHaveAttribute('aria-disabled', 'true');
    expect((await service.budget()).epsilonSpent).toBeGreaterThan(0);
    await dialog.getByRole('checkbox').click();
    await dialog.getByRole('button', { name: 'Erase it' }).click();
    await expect.poll(async () => (await service.budget()).epsilonSpent).toBe(0);
  });
});
