import type { FederationFit, FederationLink, FederationMembership, FederationOffer, FederationService, ReceivedModel, SentLine, UpdatePreview } from '../shell/federation.service.ts';
import { isCancelled, toFailure, type Failure } from './failure.ts';
import { Loaded } from './loaded.svelte.ts';
import { ProjectorState } from './projector.svelte.ts';

/** One update on a project's own notes, drawn for its owner. */
export type PreviewView =
  | { readonly kind: 'none' }
  | { readonly kind: 'busy'; readonly projectId: string }
  | { readonly kind: 'done'; readonly projectId: string; readonly preview: UpdatePreview }
  | { readonly kind: 'failed'; readonly projectId: string; readonly failure: Failure };

/** The built-in notes of a seat, and the invitation that came with them. */
type Dealt = Awaited<ReturnType<FederationService['openDealtNotes']>>;

/** A federation seen by one who may take part: the offer before, the membership from then on. */
export class FederationState {
  readonly offer = new Loaded<FederationOffer>();
  readonly fit = new Loaded<FederationFit>();
  readonly model = new Loaded<ReceivedModel>();
  readonly dealing = new Loaded<Dealt>();
  readonly sent = new Loaded<readonly SentLine[]>();
  readonly #service: () => FederationService;
  #membership = $state.raw<FederationMembership | null>(null);
  #known = $state(false);
  #watchFailure = $state.raw<Failure | null>(null);
  #watching: Promise<void> | null = null;
  #link = $state.raw<FederationLink | null>(null);
  /** Token of the link that was joined by. */
  #usedToken: string | null = null;
  #preview = $state.raw<PreviewView>({ kind: 'none' });
  #previewAbort: AbortController | null = null;
  #joining = $state(false);
  #joinFailure = $state.raw<Failure | null>(null);
  #isDealtTaken = $state(false);
  #leaving = $state(false);
  #leaveFailure = $state.raw<Failure | null>(null);
  #isTalking = $state(false);

  /** What is behind the boundary is asked for when it is first needed, not with the page. */
  constructor(service: () => FederationService) {
    this.#service = service;
  }

  /** Null before it is known, and where this device has never joined. */
  get membership(): FederationMembership | null { return this.#membership; }
  get isKnown(): boolean { return this.#known; }
  get watchFailure(): Failure | null { return this.#watchFailure; }
  /** Takes part now: rounds are answered. */
  get isMember(): boolean { return this.#membership !== null && this.#membership.phase !== 'left' && this.#membership.phase !== 'ended'; }
  /** The invitation that the page was opened with, kept while notes are prepared on other pages. */
  get link(): FederationLink | null { return this.#link; }
  /** The membership came of this invitation, which offers nothing new. */
  hasUsed(link: FederationLink): boolean { return this.#usedToken === link.token; }
  get preview(): PreviewView { return this.#preview; }
  get isJoining(): boolean { return this.#joining; }
  get joinFailure(): Failure | null { return this.#joinFailure; }
  /** Joining failed because the seat that was dealt here has been taken by another device. */
  get isDealtTaken(): boolean { return this.#isDealtTaken; }
  get isLeaving(): boolean { return this.#leaving; }
  get leaveFailure(): Failure | null { return this.#leaveFailure; }
  /** Something was sent to a coordinator on purpose: by a member, or by a wall. */
  get isTalking(): boolean { return this.#isTalking || this.#membership !== null; }

  /** Listens for as long as the page lives; nothing is fetched for who never joined. A second call waits for the first, one after a failure tries again. */
  watch(): Promise<void> {
    this.#watching ??= this.#watch();
    return this.#watching;
  }

  async #watch(): Promise<void> {
    this.#watchFailure = null;
    try {
      await this.#service().watch((membership) => {
        this.#membership = membership;
        this.#known = true;
      });
    } catch (error) {
      this.#watchFailure = toFailure(error);
      this.#watching = null;
    }
    this.#known = true;
  }

  follow(link: FederationLink): void {
    if (this.#link?.token === link.token) return;
    this.#link = link;
    this.dealing.clear();
  }

  async loadOffer(): Promise<void> {
    await this.offer.load(() => this.#service().offer());
  }

  /** How a project's notes fit the offer; what was drawn of another one's is forgotten. */
  async loadFit(projectId: string): Promise<void> {
    const offer = this.offer.value;
    if (!offer) return;
    if (this.#preview.kind !== 'none' && this.#preview.projectId !== projectId) this.forgetPreview();
    if (this.fit.value?.projectId !== projectId) this.fit.clear();
    await this.fit.load(() => this.#service().fit(projectId, offer.taskHash));
  }

  /** Resolves with the project of the seat's notes, or null where there are none. */
  async deal(): Promise<string | null> {
    const link = this.#link;
    if (!link) return null;
    this.#isTalking = true;
    return (await this.dealing.load(() => this.#service().openDealtNotes(link)))?.projectId ?? null;
  }

  async drawPreview(projectId: string): Promise<void> {
    const offer = this.offer.value;
    if (!offer) return;
    this.forgetPreview();
    const abort = new AbortController();
    this.#previewAbort = abort;
    this.#preview = { kind: 'busy', projectId };
    try {
      const preview = await this.#service().preview(projectId, offer.taskHash, abort.signal);
      if (this.#previewAbort === abort) this.#preview = { kind: 'done', projectId, preview };
    } catch (error) {
      if (this.#previewAbort === abort) this.#preview = isCancelled(error) ? { kind: 'none' } : { kind: 'failed', projectId, failure: toFailure(error) };
    }
  }

  forgetPreview(): void {
    const abort = this.#previewAbort;
    this.#previewAbort = null;
    abort?.abort();
    this.#preview = { kind: 'none' };
  }

  /** Resolves to whether this device takes part now. */
  async join(projectId: string, epsilonLimit: number): Promise<boolean> {
    const [offer, link, dealt] = [this.offer.value, this.#link, this.dealing.value];
    if (!offer || !link || this.#joining) return false;
    this.forgetPreview();
    this.#joining = true;
    this.#isTalking = true;
    this.#joinFailure = null;
    this.#isDealtTaken = false;
    try {
      await this.#service().join(projectId, offer.taskHash, dealt ? { kind: 'seat', token: dealt.invitation } : link, epsilonLimit);
      this.#usedToken = link.token;
      return true;
    } catch (error) {
      this.#joinFailure = toFailure(error);
      this.#isDealtTaken = dealt !== null && this.#joinFailure.values['reason'] === 'used-invitation';
      // Its invitation may be used up: notes of another seat can be asked for.
      if (this.#joinFailure.code === 'federation/turned-away') this.dealing.clear();
      return false;
    } finally {
      this.#joining = false;
    }
  }

  async leave(): Promise<void> {
    await this.#leave(() => this.#service().leave());
  }

  /** Leaves without telling the server. */
  async destroyKey(): Promise<void> {
    await this.#leave(() => this.#service().destroyKey());
  }

  async #leave(leave: () => Promise<unknown>): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#leaveFailure = null;
    try {
      await leave();
    } catch (error) {
      this.#leaveFailure = toFailure(error);
    } finally {
      this.#leaving = false;
    }
  }

  /** The page on a wall, by the token of its link. */
  wall(token: string): ProjectorState {
    this.#isTalking = true;
    return new ProjectorState(this.#service(), token);
  }

  /** The list of what left as it is now; null where it cannot be read. */
  loadSent(): Promise<readonly SentLine[] | null> {
    return this.sent.load(() => this.#service().sent());
  }

  receive(): Promise<ReceivedModel | null> {
    return this.model.load(() => this.#service().receive());
  }
}
