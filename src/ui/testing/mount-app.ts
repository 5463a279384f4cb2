import { mount, unmount } from 'svelte';
import { SettingsState, type KeyValueStore, type Language, type Theme } from '../../state/settings.svelte.ts';
import App from '../App.svelte';
import type { PageName } from '../router.svelte.ts';
import '../theme.css';
import { FakeService, type FakeOptions } from './fake-service.ts';

export interface MountOptions extends FakeOptions {
  readonly page?: PageName;
  readonly theme?: Theme;
  readonly language?: Language;
  /** The browser does not know which project was open. */
  readonly isForgotten?: boolean;
  /** False: the address is plain http, where a browser has no keys, no workers' storage and no graphics chip. */
  readonly isSecure?: boolean;
}

function memoryStore(): KeyValueStore {
  const values = new Map<string, string>();
  return { getItem: (key) => values.get(key) ?? null, setItem: (key, value) => void values.set(key, value), removeItem: (key) => void values.delete(key) };
}

/** The whole app on a fake service; the saved project is open where the scene has one. Returns how to take it down. */
export function mountApp({ page = 'start', theme = 'light', language = 'en', isForgotten = false, isSecure = true, ...fake }: MountOptions = {}): { readonly service: FakeService; readonly settings: SettingsState; close(): Promise<void> } {
  const target = document.createElement('div');
  target.id = 'app';
  document.body.append(target);
  location.hash = `#/${page}`;
  const settings = new SettingsState(memoryStore(), language);
  settings.setTheme(theme);
  if (fake.scene !== 'empty' && !isForgotten) settings.setLastProject('project-1');
  const service = new FakeService({ delayMs: 0, stepMs: 15, ...fake });
  const app = mount(App, { target, props: { connect: Promise.resolve(service), settings, isSecure } });
  return {
    service,
    settings,
    async close() {
      await unmount(app);
      target.remove();
    },
  };
}
