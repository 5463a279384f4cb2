import { getContext, setContext } from 'svelte';

export const pageNames = ['start', 'data', 'train', 'results', 'explain', 'lab', 'runs', 'federation', 'settings'] as const;
export type PageName = (typeof pageNames)[number];
/** Pages of an open project, in the order of the bar. */
export const projectPages = ['data', 'train', 'results', 'explain', 'lab', 'runs'] as const satisfies readonly PageName[];

export interface Place {
  readonly page: PageName;
  /** Id of a part of the page to bring into view. */
  readonly section: string | null;
}

/** `#/train`, `#/results/fair`; no hash and `#/` are the start page, as the back button and a typed address have it; null for anything else, such as the target of a plain anchor. */
export function parseHash(hash: string): Place | null {
  if (hash === '' || hash === '#' || hash === '#/') return { page: 'start', section: null };
  const match = /^#\/([a-z]+)(?:\/([\w-]+))?$/.exec(hash);
  const page = pageNames.find((name) => name === match?.[1]);
  return page ? { page, section: match?.[2] ?? null } : null;
}

export const href = (page: PageName, section?: string): string => (section ? `#/${page}/${section}` : `#/${page}`);

/** The page shown, from the address. */
export class Router {
  #place = $state.raw<Place>({ page: 'start', section: null });
  #wantsFocus = false;
  #visit = $state(0);

  constructor(hash: string) {
    this.#place = parseHash(hash) ?? this.#place;
  }

  get page(): PageName { return this.#place.page; }
  get section(): string | null { return this.#place.section; }
  /** Counts navigations, so that going to the same section twice scrolls twice. */
  get visit(): number { return this.#visit; }

  /** Follows the address. Returns whether another page is shown now. */
  follow(hash: string): boolean {
    const place = parseHash(hash);
    if (!place) return false;
    const isOther = place.page !== this.#place.page;
    this.#wantsFocus ||= isOther;
    this.#place = place;
    this.#visit += 1;
    return isOther;
  }

  /** The next heading shown takes the focus: the one that had it has gone. */
  passFocusOn(): void {
    this.#wantsFocus = true;
  }

  /** True once after each navigation: the heading that takes it moves focus to itself. */
  takeFocus(): boolean {
    const wanted = this.#wantsFocus;
    this.#wantsFocus = false;
    return wanted;
  }
}

export function go(page: PageName, section?: string): void {
  location.hash = href(page, section);
}

const key = Symbol('router');
export const provideRouter = (router: Router): Router => setContext(key, router);
export const useRouter = (): Router | undefined => getContext<Router | undefined>(key);
