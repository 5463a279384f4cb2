export type Theme = 'system' | 'light' | 'dark';
export type Language = 'en' | 'zh';

/** The part of `localStorage` that is used; a private window may refuse it. */
export interface KeyValueStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const prefix = 'bedside.';

/** How the page looks and speaks, and which project was open. Belongs to this browser. */
export class SettingsState {
  readonly #store: KeyValueStore | null;
  #theme = $state<Theme>('system');
  #language = $state<Language>('en');
  #isStill = $state(false);
  #hasSingleKeys = $state(true);
  #speaksProgress = $state(false);
  #lastProject = $state<string | null>(null);

  constructor(store: KeyValueStore | null, preferredLanguage: Language = 'en') {
    this.#store = store;
    const theme = this.#read('theme');
    if (theme === 'light' || theme === 'dark') this.#theme = theme;
    const language = this.#read('language');
    this.#language = language === 'en' || language === 'zh' ? language : preferredLanguage;
    this.#isStill = this.#read('still') === 'yes';
    this.#hasSingleKeys = this.#read('single-keys') !== 'no';
    this.#speaksProgress = this.#read('speak-progress') === 'yes';
    this.#lastProject = this.#read('project');
  }

  get theme(): Theme { return this.#theme; }
  get language(): Language { return this.#language; }
  get isStill(): boolean { return this.#isStill; }
  get hasSingleKeys(): boolean { return this.#hasSingleKeys; }
  get speaksProgress(): boolean { return this.#speaksProgress; }
  get lastProject(): string | null { return this.#lastProject; }

  setTheme(theme: Theme): void {
    this.#theme = theme;
    this.#write('theme', theme === 'system' ? null : theme);
  }

  setLanguage(language: Language): void {
    this.#language = language;
    this.#write('language', language);
  }

  setStill(isStill: boolean): void {
    this.#isStill = isStill;
    this.#write('still', isStill ? 'yes' : null);
  }

  setSingleKeys(hasSingleKeys: boolean): void {
    this.#hasSingleKeys = hasSingleKeys;
    this.#write('single-keys', hasSingleKeys ? null : 'no');
  }

  setSpeaksProgress(speaksProgress: boolean): void {
    this.#speaksProgress = speaksProgress;
    this.#write('speak-progress', speaksProgress ? 'yes' : null);
  }

  setLastProject(id: string | null): void {
    this.#lastProject = id;
    this.#write('project', id);
  }

  #read(name: string): string | null {
    try {
      return this.#store?.getItem(prefix + name) ?? null;
    } catch {
      return null;
    }
  }

  #write(name: string, value: string | null): void {
    try {
      if (value === null) this.#store?.removeItem(prefix + name);
      else this.#store?.setItem(prefix + name, value);
    } catch {
      // A full or refused store costs a preference, never work.
    }
  }
}
