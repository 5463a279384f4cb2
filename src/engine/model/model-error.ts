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
  return modelError('unsupported-config', `config.json should have ${key} ${expected}, found ${JSON.stringify(found) ?? 'nothing'}.`, 'Use a BERT encoder (model_type "bert").', {
    key,
    expected,
    found: String(found),
  });
}
