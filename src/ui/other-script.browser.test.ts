import { afterEach, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import { mountApp, type MountOptions } from './testing/mount-app.ts';
import { en } from './words/en.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

function open(options: MountOptions) {
  const app = mountApp(options);
  close = app.close;
  return app;
}

it.each(['患者诉胸痛三天，伴出汗', 'The patient reports chest pain'])('the Data page says where notes are in letters that the model has not learnt from: “%s”', async (text) => {
  const { service } = open({ scene: 'done', page: 'data' });
  const given = service.openProject;
  service.openProject = async (id) => {
    const project = await given(id);
    return { ...project, dataset: project.dataset && { ...project.dataset, firstNotes: project.dataset.firstNotes.map((note) => ({ ...note, text })) } };
  };
  await expect.element(page.getByRole('heading', { level: 2, name: en.data.checks.title })).toBeVisible();
  const said = page.getByText(en.data.checks.otherScript);
  if (text.startsWith('The')) await expect.element(said).not.toBeInTheDocument();
  else await expect.element(said).toBeVisible();
});

it('an answer to such a note is called a guess', async () => {
  open({ scene: 'done', page: 'explain' });
  const field = page.getByRole('textbox', { name: en.explain.field });
  for (const text of ['咳嗽咳痰五天', 'Cough for five days']) {
    await field.fill(text);
    await page.getByRole('button', { name: en.explain.classify, exact: true }).click();
    await expect.element(page.getByText(en.explain.tokens(9)).or(page.getByText(/word pieces? read/))).toBeVisible();
    const said = page.getByText(en.explain.otherScript);
    if (text.startsWith('C')) await expect.element(said).not.toBeInTheDocument();
    else await expect.element(said).toBeVisible();
  }
});
