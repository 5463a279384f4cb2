import { BedsideError } from '../ground/errors.ts';

/** The file is something else than a table. `kind` is how a person calls it, e.g. "a PDF". */
export function notATableError(kind: string, advice: string): BedsideError {
  return new BedsideError('data/not-a-table', 'input', `This is ${kind}, not a table.`, advice, { kind });
}

export function emptyFileError(): BedsideError {
  return new BedsideError('data/empty-file', 'input', 'The file is empty.', 'Choose a file with a header row and at least one note.');
}

export function noRowsError(): BedsideError {
  return new BedsideError('data/no-rows', 'input', 'The file has a header but no rows below it.', 'Choose a file with at least one note below the header.');
}

export function tooLargeError(sizeBytes: number, limitBytes: number): BedsideError {
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  return new BedsideError('data/too-large', 'input', `The file has ${megabytes(sizeBytes)} MB; at most ${megabytes(limitBytes)} MB can be read at once.`, 'Split the file and open one part.', { sizeBytes, limitBytes });
}

export function jsonArrayError(): BedsideError {
  return new BedsideError('data/json-not-lines', 'input', 'This is one JSON value over several lines, where one object a line is expected.', 'Save it as JSON Lines (.jsonl), one object a line, or as CSV.');
}

export function tooManyColumnsError(found: number, limit: number): BedsideError {
  return new BedsideError('data/too-many-columns', 'input', `The file has more than ${limit} columns (${found} and counting).`, 'Keep the columns with the note, the label, the person and the groups.', { found, limit });
}

export function headerQuoteError(): BedsideError {
  return new BedsideError('data/header-quote', 'input', 'The header row opens a quote that is not closed.', 'Close or remove the quote in the first row.');
}

export function cancelledError(): BedsideError {
  return new BedsideError('cancelled', 'input', 'Reading was cancelled.', 'Choose the file again to read it.');
}

/** A role that exactly one column must have. */
export function roleCountError(role: 'text' | 'label' | 'person', found: number): BedsideError {
  const expected = role === 'person' ? 'at most one' : 'one';
  return new BedsideError(`data/${role}-column`, 'input', `Expected ${expected} ${role} column, found ${found}.`, `Choose ${expected} column as ${role}.`, { role, found });
}

export function unknownColumnError(): BedsideError {
  return new BedsideError('data/unknown-column', 'input', 'A role was given to a column that the file does not have.', 'Choose the columns again.');
}
