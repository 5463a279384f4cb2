import { mount } from 'svelte';
import type { BedsideService } from './shell/bedside.service.ts';
import { SettingsState } from './state/settings.svelte.ts';
import App from './ui/App.svelte';
import { loadPage } from './ui/load-page.ts';
import { parseHash } from './ui/router.svelte.ts';
import './ui/theme.css';

async function connect(): Promise<BedsideService> {
  if (import.meta.env.DEV) {
    const search = new URLSearchParams(location.search);
    const [scene, federation] = [search.get('fake'), search.get('federation')];
    if (scene !== null) {
      const [{ FakeService, isScene }, { isFederationStory }] = await Promise.all([import('./ui/testing/fake-service.ts'), import('./ui/testing/fake-federation.ts')]);
      return new FakeService({ ...(isScene(scene) ? { scene } : {}), ...(isFederationStory(federation) ? { federation } : {}) });
    }
  }
  const { createBedside } = await import('./shell/bedside.ts');
  return createBedside();
}

/** A browser may refuse storage to a page altogether. */
function storage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no element with the id "app".');
const settings = new SettingsState(storage(), navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');
void loadPage(parseHash(location.hash)?.page ?? 'start').catch(() => undefined);
// In a task of its own, after the one that read the scripts: neither holds the page for long.
setTimeout(() => mount(App, { target, props: { connect: isSecureContext ? connect() : new Promise<never>(() => undefined), settings, isSecure: isSecureContext } }));
