import { BedsideError } from '../../ground/errors.ts';

/** A model folder that cannot be used: what was expected and found, and the next step. */
export function modelError(code: string, message: string, hint: string, values: Readonly<Record<string, string | number>> = {}): BedsideError {
  return new BedsideError(`model/${code}`, 'model', message, hint, values);
}

export function missingTensorError(name: string): BedsideError {
  return modelError('missing-tensor', `The model has no tensor ${name} in float32, float16, bfloat16 or int8.`, 'Use a BERT folder saved by Hugging Face transformers.', { name });
}

export function tensorShapeError(name: string, expected: readonly number[], found: readonly number[]): BedsideError {
  const [want, have] = [expected.join(' x '), found.join(' x ')];
  return modelError('tensor-shape', `Tensor ${name} should be ${want}, found ${have}.`, 'Check that config.json belongs to this model.safetensors.', { name, expected: want, found: have });
}

export function unsupportedConfigError(key: string, expected: string, found: unknown): BedsideError {
  return modelError('unsupported-config', `config.json should have ${key} ${expected}, found ${JSON.stringify(found) ?? 'nothing'}.`, 'Use a BERT encoder (model_type "bert" or "distilbert").', {
    key,
    expected,
    found: String(found),
  });
}

export function safetensorsError(expected: string, found: string): BedsideError {
  return modelError('safetensors', `model.safetensors should have ${expected}, found ${found}.`, 'The file is damaged or of another format: copy or download it again.', { expected, found });
}

export function missingFileError(file: string): BedsideError {
  return modelError('missing-file', `The model has no ${file}.`, `Add ${file}, as Hugging Face transformers saves it.`, { file });
}

export function jsonError(file: string): BedsideError {
  return modelError('json', `${file} should be a JSON object and is not.`, 'The file is damaged: copy or download it again.', { file });
}
