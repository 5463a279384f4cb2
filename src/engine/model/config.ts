import { isJsonObject } from './json.ts';
import { unsupportedConfigError } from './model-error.ts';
import type { BertShape } from './weights.ts';

/** Hugging Face `config.json` of the given shape, as `bertShape` reads it. */
export function bertConfig(shape: BertShape): Record<string, unknown> {
  return {
    model_type: 'bert',
    hidden_act: 'gelu',
    position_embedding_type: 'absolute',
    num_hidden_layers: shape.layers,
    hidden_size: shape.width,
    num_attention_heads: shape.heads,
    intermediate_size: shape.feedForwardWidth,
    vocab_size: shape.vocabularySize,
    max_position_embeddings: shape.maximumPositions,
    type_vocab_size: shape.tokenTypes,
    layer_norm_eps: shape.layerNormEpsilon,
  };
}

/**
 * Reads the sizes of a BERT encoder from a parsed Hugging Face `config.json`.
 * Throws: `model/unsupported-config` where it is not a BERT with exact GELU and absolute positions.
 */
export function bertShape(config: unknown): BertShape {
  if (!isJsonObject(config)) throw unsupportedConfigError('an object', 'at its root', config);
  const word = (key: string, expected: string, isRequired: boolean) => {
    const found = config[key];
    if (found !== expected && (isRequired || found !== undefined)) throw unsupportedConfigError(key, JSON.stringify(expected), found);
  };
  word('model_type', 'bert', true);
  word('hidden_act', 'gelu', false);
  word('position_embedding_type', 'absolute', false);
  const size = (key: string) => {
    const found = config[key];
    if (typeof found !== 'number' || !Number.isInteger(found) || found < 1) throw unsupportedConfigError(key, 'as a whole number above 0', found);
    return found;
  };
  const epsilon = config['layer_norm_eps'] ?? 1e-12;
  if (typeof epsilon !== 'number' || !(epsilon > 0)) throw unsupportedConfigError('layer_norm_eps', 'as a number above 0', epsilon);
  const shape = {
    layers: size('num_hidden_layers'),
    width: size('hidden_size'),
    heads: size('num_attention_heads'),
    feedForwardWidth: size('intermediate_size'),
    vocabularySize: size('vocab_size'),
    maximumPositions: size('max_position_embeddings'),
    tokenTypes: size('type_vocab_size'),
    layerNormEpsilon: epsilon,
  };
  if (shape.width % shape.heads !== 0) throw unsupportedConfigError('num_attention_heads', `as a divisor of ${shape.width}`, shape.heads);
  return shape;
}
