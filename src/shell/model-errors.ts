import { BedsideError } from '../ground/errors.ts';

export function modelNotFound(file: string, status: number): BedsideError {
  return new BedsideError('model/not-found', 'model', `The model's file ${file} could not be loaded (${status === 0 ? 'no connection' : `status ${status}`}).`, 'Connect once so that the model can be loaded, or check that the folder models/ lies beside the page.', { file, status });
}

export function modelHashMismatch(file: string, expected: string, found: string): BedsideError {
  return new BedsideError('model/hash-mismatch', 'model', `The model's file ${file} is not the one its manifest names: expected SHA-256 ${expected.slice(0, 12)}…, found ${found.slice(0, 12)}….`, 'Load the page again; if it stays, the copy on the server is damaged.', { file, expected, found });
}

export function otherEncoder(): BedsideError {
  return new BedsideError('model/other-encoder', 'model', 'This model was trained on another encoder than the one that is loaded.', 'Put the encoder it was trained on back into models/, or train again.');
}
