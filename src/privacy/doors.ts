declare const ownersEyes: unique symbol;
declare const releasable: unique symbol;

/** Exact: a function of private rows, for the person whose data it is. Never exported, reported or logged. */
export type OwnersEyes<T> = { readonly [ownersEyes]: true; readonly value: T };
/** Charged to the ledger, or a function of the public list alone: may leave with an export. */
export type Releasable<T> = { readonly [releasable]: true; readonly value: T };

/** Marks an exact result. Anyone may do so: it only takes freedom away. */
export function forOwnersEyes<T>(value: T): OwnersEyes<T> {
  return { value } as OwnersEyes<T>;
}

/** Marks a value that the ledger has paid for, or that is public. Call sites are listed and counted by a test. */
export function releasableBecause<T>(_reason: 'charged' | 'public' | 'owner removed the mark', value: T): Releasable<T> {
  return { value } as Releasable<T>;
}
