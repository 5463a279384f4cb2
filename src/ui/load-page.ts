import type { Component } from 'svelte';
import type { PageName } from './router.svelte.ts';

const loaders: Readonly<Record<PageName, () => Promise<{ default: Component }>>> = {
  start: () => import('./pages/Start.svelte'),
  data: () => import('./pages/Data.svelte'),
  train: () => import('./pages/Train.svelte'),
  results: () => import('./pages/Results.svelte'),
  explain: () => import('./pages/Explain.svelte'),
  lab: () => import('./pages/Lab.svelte'),
  runs: () => import('./pages/Runs.svelte'),
  federation: () => import('./pages/Federation.svelte'),
  settings: () => import('./pages/Settings.svelte'),
};

/** The component of a page; each comes in a file of its own. */
export async function loadPage(page: PageName): Promise<Component> {
  return (await loaders[page]()).default;
}
