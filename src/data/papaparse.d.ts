/**
 * The part of papaparse 5.7.1 that `parse-delimited.ts` uses. Declared here because `@types/papaparse` brings in
 * Node's types, and with them the globals this layer is checked to be free of.
 */
declare module 'papaparse' {
  export interface ParserSettings {
    readonly delimiter: ',' | ';' | '\t';
    readonly newline: '\n' | '\r';
    /** Stops after this many records; 0 reads all. */
    readonly preview?: number;
  }
  export interface ParserResult {
    readonly data: string[][];
    readonly errors: readonly { readonly code: 'MissingQuotes' | 'InvalidQuotes'; readonly row: number; readonly index: number }[];
    /** `cursor`: where the record after the last one returned begins, in the input. */
    readonly meta: { readonly cursor: number };
  }
  class Parser {
    constructor(settings: ParserSettings);
    /** @param ignoreLastRow true where more input may follow: the last record is left for the next call */
    parse(input: string, baseIndex: number, ignoreLastRow: boolean): ParserResult;
  }
  const Papa: { readonly Parser: typeof Parser };
  export default Papa;
}
