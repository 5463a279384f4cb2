import { getContext, setContext } from 'svelte';
import type { DeviceName } from '../../shell/bedside.service.ts';
import type { Failure } from '../../state/failure.ts';
import type { Language, SettingsState } from '../../state/settings.svelte.ts';
import type { CoreWords, Words } from './en.ts';
import { core as english } from './en/core.ts';
import { loadParts, wordsOf, type PartName, type WordParts } from './parts.ts';

/** The words in use. The core of English comes with the first load, other languages and parts when they are asked for. */
export class LanguageState {
  #words = $state.raw<Words>(wordsOf(english, {}));
  #wanted: Language = 'en';
  readonly #needed = new Set<PartName>();
  #loaded: { readonly language: string; readonly parts: Partial<WordParts> } = { language: english.language, parts: {} };

  get words(): Words { return this.#words; }

  /** Goes over to a language, with the parts that pages have needed so far. */
  async use(language: Language): Promise<void> {
    this.#wanted = language;
    await this.#fill();
  }

  /** Resolves once these parts are there, in the language that is then wanted. */
  async need(parts: readonly PartName[]): Promise<void> {
    for (const part of parts) this.#needed.add(part);
    await this.#fill();
  }

  async #fill(): Promise<void> {
    const language = this.#wanted;
    const [core, parts] = await Promise.all([coreOf(language), loadParts(language, this.#needed)]);
    // Another language was asked for meanwhile: whoever waits gets that one.
    if (this.#wanted !== language) return this.#fill();
    const earlier = this.#loaded.language === core.language ? this.#loaded.parts : {};
    this.#loaded = { language: core.language, parts: { ...earlier, ...parts } };
    this.#words = wordsOf(core, this.#loaded.parts);
  }
}

async function coreOf(language: Language): Promise<CoreWords> {
  return language === 'zh' ? (await import('./zh/core.ts')).core : english;
}

const key = Symbol('language');

export function provideLanguage(settings: SettingsState): LanguageState {
  const language = new LanguageState();
  void language.use(settings.language);
  return setContext(key, language);
}

export function useLanguage(): LanguageState {
  return getContext<LanguageState>(key);
}

/** The words for a device: those of its build where the language knows it, its own name where it is a chip's. */
export function deviceWords({ codes }: Words, { name, workers }: DeviceName): string {
  const words = codes.devices[name] ?? name;
  return workers > 1 ? codes.withWorkers(words, workers) : words;
}

/** The words for a failure: by its code where the language knows it, its own message otherwise. */
export function failureWords(words: Words, failure: Failure): { readonly message: string; readonly hint: string } {
  return words.codes.errors[failure.code]?.(failure.values) ?? { message: failure.message, hint: failure.hint };
}
