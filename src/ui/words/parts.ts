/** Which words each page uses, and where they are. Words come in files of their own, so that the first page waits for none but its own. */
import { BedsideError } from '../../ground/errors.ts';
import type { Language } from '../../state/settings.svelte.ts';
import type { PageName } from '../router.svelte.ts';
import type { CoreWords, Words } from './en.ts';

export type PartName = Exclude<keyof Words, keyof CoreWords>;
export type WordParts = Pick<Words, PartName>;

/** What a page uses beyond the core, with all that it is made of. */
export const partsOfPage: Readonly<Record<PageName, readonly PartName[]>> = {
  start: [],
  data: ['data', 'federation'],
  train: ['train', 'privacy', 'data', 'settings'],
  results: ['results', 'privacy'],
  explain: ['explain', 'results'],
  lab: ['lab'],
  runs: ['runs', 'train'],
  federation: ['federation', 'projector', 'privacy', 'train'],
  settings: ['settings'],
};

type Loaders = { readonly [Part in PartName]: () => Promise<WordParts[Part]> };

const loaders: Readonly<Record<Language, Loaders>> = {
  en: {
    data: async () => (await import('./en/data.ts')).data,
    train: async () => (await import('./en/train.ts')).train,
    results: async () => (await import('./en/results.ts')).results,
    explain: async () => (await import('./en/explain.ts')).explain,
    lab: async () => (await import('./en/lab.ts')).lab,
    runs: async () => (await import('./en/runs.ts')).runs,
    settings: async () => (await import('./en/settings.ts')).settings,
    privacy: async () => (await import('./en/privacy.ts')).privacy,
    federation: async () => (await import('./en/federation.ts')).federation,
    projector: async () => (await import('./en/projector.ts')).projector,
  },
  zh: {
    data: async () => (await import('./zh/data.ts')).data,
    train: async () => (await import('./zh/train.ts')).train,
    results: async () => (await import('./zh/results.ts')).results,
    explain: async () => (await import('./zh/explain.ts')).explain,
    lab: async () => (await import('./zh/lab.ts')).lab,
    runs: async () => (await import('./zh/runs.ts')).runs,
    settings: async () => (await import('./zh/settings.ts')).settings,
    privacy: async () => (await import('./zh/privacy.ts')).privacy,
    federation: async () => (await import('./zh/federation.ts')).federation,
    projector: async () => (await import('./zh/projector.ts')).projector,
  },
};

async function loadPart<Part extends PartName>(language: Language, part: Part): Promise<Partial<WordParts>> {
  return { [part]: await loaders[language][part]() };
}

/** The named parts in a language. */
export async function loadParts(language: Language, parts: Iterable<PartName>): Promise<Partial<WordParts>> {
  return Object.assign({}, ...(await Promise.all([...parts].map((part) => loadPart(language, part)))));
}

function notLoaded(part: PartName): BedsideError {
  return new BedsideError('internal/words-not-loaded', 'internal', `The page uses the words "${part}", which are not loaded with it.`, 'Reload the page; if it happens again, report it.', { part });
}

/** The words of a language as far as they are loaded; asked for another part, they throw. */
export function wordsOf(core: CoreWords, parts: Partial<WordParts>): Words {
  const loaded = <Part extends PartName>(part: Part): WordParts[Part] => {
    const words = parts[part];
    if (words === undefined) throw notLoaded(part);
    return words;
  };
  return {
    ...core,
    get data() { return loaded('data'); },
    get train() { return loaded('train'); },
    get results() { return loaded('results'); },
    get explain() { return loaded('explain'); },
    get lab() { return loaded('lab'); },
    get runs() { return loaded('runs'); },
    get settings() { return loaded('settings'); },
    get privacy() { return loaded('privacy'); },
    get federation() { return loaded('federation'); },
    get projector() { return loaded('projector'); },
  };
}
