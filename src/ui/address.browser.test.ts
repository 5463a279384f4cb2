import { mount, unmount } from 'svelte';
import { expect, it, onTestFinished } from 'vitest';
import { page } from 'vitest/browser';
import { SettingsState } from '../state/settings.svelte.ts';
import App from './App.svelte';
import { FakeService } from './testing/fake-service.ts';

it('is followed where it changes before what lies behind the boundary is there', async () => {
  const target = document.createElement('div');
  document.body.append(target);
  location.hash = '#/settings';
  let connected = (_: FakeService): void => undefined;
  const app = mount(App, { target, props: { connect: new Promise<FakeService>((resolve) => { connected = resolve; }), settings: new SettingsState(null), isSecure: true } });
  onTestFinished(async () => {
    await unmount(app);
    target.remove();
  });
  await expect.element(page.getByText('Loading')).toBeVisible();
  const heard = new Promise((resolve) => addEventListener('hashchange', resolve, { once: true }));
  location.hash = '#/start';
  await heard;
  connected(new FakeService({ scene: 'empty', delayMs: 0 }));
  await expect.poll(() => document.querySelector('main')?.dataset['page']).toBe('start');
});
