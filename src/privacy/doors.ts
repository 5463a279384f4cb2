declare const ownersEyes: unique symbol;
declare const releasable: unique symbol;

/** Exact: a function of private rows, for the person whose data it is. Never exported, reported or logged, unless that person lets it out. */
export type OwnersEyes<T> = { readonly [ownersEyes]: true; readonly value: T };
/** Charged to the ledger, a function of the public list alone, or let out by its owner: may leave. Whatever leaves the app is made of this alone. */
export type Releasable<T> = { readonly [releasable]: true; readonly value: T };

/** Why a value may leave without a question. `post-processing`: it follows from values that may leave, and from nothing else. */
export type ReleaseReason = 'charged' | 'public' | 'post-processing';

/** What a person does, having been told what it gives away, that lets exact results out. A test holds each to the words that tell it. */
export type OwnersAct = 'save-project' | 'save-runs' | 'save-ledger' | 'save-set-aside-rows' | 'save-labelled-notes' | 'save-plain-model' | 'print-scores';

/** Marks an exact result. Anyone may do so: it only takes freedom away. */
export function forOwnersEyes<T>(value: T): OwnersEyes<T> {
  return { value } as OwnersEyes<T>;
}

/** Marks a value that the ledger has paid for, or that is public. What is for the owner's eyes is refused by the compiler. Call sites are listed and counted by a test. */
export function releasableBecause<T>(_reason: ReleaseReason, value: T extends OwnersEyes<unknown> ? never : T): Releasable<T> {
  return { value } as unknown as Releasable<T>;
}

/** Takes the mark off an exact result, by the act that its owner was asked for. Call sites are listed and counted by a test. */
export function releasedByOwner<T>(_act: OwnersAct, { value }: OwnersEyes<T>): Releasable<T> {
  return { value } as Releasable<T>;
}
