import axe from 'axe-core';
import { afterEach, describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import { mountApp } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
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
