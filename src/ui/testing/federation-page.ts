/** For tests: the federation's page on a fake service. */
import { onTestFinished } from 'vitest';
import { page } from 'vitest/browser';
import type { FakeService } from './fake-service.ts';
import { mountApp, type MountOptions } from './mount-app.ts';

let close: (() => Promise<void>) | null = null;
async function takeDown(): Promise<void> {
  await close?.();
  close = null;
}

/** Taken down at the end of the test, or where another is opened. `section`: of the address, after the page's own; empty for none. */
export async function openFederation({ section = 'room-abc', ...options }: MountOptions & { readonly section?: string } = {}): Promise<FakeService> {
  await takeDown();
  onTestFinished(takeDown);
  await page.viewport(1280, 900);
  const app = mountApp({ ...options, page: 'federation' });
  close = app.close;
  location.hash = section === '' ? '#/federation' : `#/federation/${section}`;
  return app.service;
}

export const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });
