import { getContext, setContext } from 'svelte';
import type { DeviceName } from '../../shell/bedside.service.ts';
import type { Failure } from '../../state/failure.ts';
import type { Language, SettingsState } from '../../state/settings.svelte.ts';
import { en, type Words } from './en.ts';

/** The words in use. English comes with the first load, other languages when they are asked for. */
export class LanguageState {
  #words = $state.raw<Words>(en);
  #wanted: Language = 'en';

  get words(): Words { return this.#words; }

  async use(language: Language): Promise<void> {
    this.#wanted = language;
    const words = language === 'zh' ? (await import('./zh.ts')).zh : en;
    if (this.#wanted === language) this.#words = words;
  }
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
