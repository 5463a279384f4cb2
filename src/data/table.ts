/** What a column is used for. Group columns serve fairness checks alone and never reach the model. */
export type ColumnRole = 'text' | 'label' | 'person' | 'group' | 'ignore';
export type TableFormat = 'csv' | 'tsv' | 'jsonl';
export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'gb18030' | 'windows-1252';

/** A parsed table before any column has a meaning. `cells[i]` has one entry a header column. */
export interface RawTable {
  readonly fileName: string;
  readonly format: TableFormat;
  readonly encoding: TextEncoding;
  readonly header: readonly string[];
  readonly rows: readonly RawRow[];
  /** Rows that could not be read at all. */
  readonly unreadable: readonly RowProblem[];
}

export interface RawRow {
  /** Line of the table as a spreadsheet numbers it: the header is 1. */
  readonly row: number;
  readonly cells: readonly string[];
}

export type RowProblemCode =
  | 'column-count' // values: found, expected
  | 'unclosed-quote' // values: lastRow (the rows up to it are inside the quote)
  | 'invalid-json'
  | 'empty-text'
  | 'missing-label'
  | 'duplicate' // values: firstRow
  | 'undecodable'; // bytes that the encoding does not know

/** A row set aside, with the reason. Never holds the person's text in `values`. */
export interface RowProblem {
  readonly row: number;
  readonly code: RowProblemCode;
  readonly values: Readonly<Record<string, number>>;
  /** The row as it stood in the file, so that the set-aside rows can be saved; never logged or shown in messages. */
  readonly cells: readonly string[];
}

export interface ColumnGuess {
  readonly name: string;
  readonly role: ColumnRole;
  /** Why, as a code the words translate: 'longest-text', 'text-name', 'few-values', 'label-name', 'many-rows-per-value', 'group-name', 'number', 'date', 'other'; values are counts. */
  readonly reason: { readonly code: string; readonly values: Readonly<Record<string, number>> };
  readonly firstValues: readonly string[];
  readonly distinctCount: number;
}

/** One usable row. */
export interface Note {
  /** Position among the usable rows, from 0. */
  readonly id: number;
  /** Row of the file. */
  readonly row: number;
  readonly text: string;
  readonly label: string;
  readonly person: string | null;
  /** Value of each group column, by column name. */
  readonly groups: Readonly<Record<string, string>>;
}

export interface ClassCount {
  readonly label: string;
  readonly count: number;
}

/** A table whose columns have a meaning: what will be used, and what is set aside and why. */
export interface Dataset {
  readonly fileName: string;
  readonly format: TableFormat;
  readonly encoding: TextEncoding;
  readonly columns: readonly ColumnGuess[];
  readonly notes: readonly Note[];
  /** Rows set aside. */
  readonly problems: readonly RowProblem[];
  /** Labels in a fixed order: by name, in code-unit order, so that the order says nothing about the rows. */
  readonly labels: readonly string[];
  readonly classes: readonly ClassCount[];
  /** Classes with fewer than ten rows: warned about, never removed. */
  readonly rareClasses: readonly ClassCount[];
  readonly groupColumns: readonly string[];
  readonly personColumn: string | null;
  readonly isSynthetic: boolean;
}
