/** What a person can do about an error decides its family. */
export type ErrorFamily = 'input' | 'settings' | 'budget' | 'device' | 'storage' | 'model' | 'network' | 'internal';

/**
 * The one error class of Bedside: what was expected, what was found, what to do.
 * Messages hold values of settings, counts and positions; never the person's text.
 */
export class BedsideError extends Error {
  override readonly name = 'BedsideError';
  constructor(
    /** Stable identifier, e.g. `data/unclosed-quote`; the key under which the words are translated. */
    readonly code: string,
    readonly family: ErrorFamily,
    message: string,
    /** The next step for the person, one sentence. */
    readonly hint: string,
    /** Numbers and setting values that the translated message interpolates. */
    readonly values: Readonly<Record<string, string | number>> = {},
  ) {
    super(message);
  }
}

/** Plain form that survives `postMessage`. */
export interface PlainError {
  readonly bedside: true;
  readonly code: string;
  readonly family: ErrorFamily;
  readonly message: string;
  readonly hint: string;
  readonly values: Readonly<Record<string, string | number>>;
}

export function errorToPlain(error: unknown): PlainError {
  if (error instanceof BedsideError) {
    return { bedside: true, code: error.code, family: error.family, message: error.message, hint: error.hint, values: error.values };
  }
  const name = error instanceof Error ? error.name : typeof error;
  return { bedside: true, code: 'internal/unexpected', family: 'internal', message: `Something failed that should not (${name}).`, hint: 'Reload the page; nothing that was saved is lost.', values: {} };
}

export function plainToError(plain: PlainError): BedsideError {
  return new BedsideError(plain.code, plain.family, plain.message, plain.hint, plain.values);
}
