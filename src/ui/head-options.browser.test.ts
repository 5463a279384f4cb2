import { afterEach, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

it.each([
  ['en', 'Change', 'Read two layers of the model', 'Two layers of the model are read.', 'Help rare labels', 'Rare labels are helped.'],
  ['zh', '更改', '读取模型的两层', '读取模型的两层。', '照顾少见的标签', '照顾少见的标签。'],
] as const)('two layers and help for rare labels are off until asked for, and then said of the plan (%s)', async (language, change, layers, layersSaid, rare, rareSaid) => {
  await page.viewport(1280, 900);
  ({ close } = mountApp({ scene: 'fresh', page: 'train', language }));
  await page.getByRole('button', { name: change }).click();
  for (const [name, said] of [[layers, layersSaid], [rare, rareSaid]] as const) {
    const box = page.getByRole('checkbox', { name });
    const sentence = page.getByText(new RegExp(`${said}[^.。]`));
    await expect.element(box).not.toBeChecked();
    await expect.element(box).toHaveAccessibleDescription(/.{20}/);
    expect(sentence.elements()).toHaveLength(0);
    await box.click();
    await expect.element(box).toBeChecked();
    await expect.element(sentence).toBeVisible();
    await box.click();
    await expect.element(box).not.toBeChecked();
    expect(sentence.elements()).toHaveLength(0);
  }
});
