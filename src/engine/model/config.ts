import { familyKey, type ModelFamily } from './family.ts';
import { isJsonObject } from './json.ts';
import { unsupportedConfigError } from './model-error.ts';
import { familyOf, type BertShape } from './weights.ts';

/** Hugging Face `config.json` of the given shape, as `bertShape` reads it. */
export function bertConfig(shape: BertShape): Record<string, unknown> {
  const family = familyOf(shape);
  const settings: Record<string, unknown> = {
    hidden_act: 'gelu',
    num_hidden_layers: shape.layers,
    hidden_size: shape.width,
    num_attention_heads: shape.heads,
    intermediate_size: shape.feedForwardWidth,
    vocab_size: shape.vocabularySize,
    max_position_embeddings: shape.maximumPositions,
    // DistilBERT has one kind of position, no token types, and 1e-12 written into its code.
    ...(family === 'bert' ? { position_embedding_type: 'absolute', type_vocab_size: shape.tokenTypes, layer_norm_eps: shape.layerNormEpsilon } : {}),
  };
  return { model_type: family, ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [familyKey(family, key), value])) };
}

/**
 * Reads the sizes of an encoder with BERT's layers (BERT, MiniLM, DistilBERT) from a parsed Hugging Face `config.json`.
 * Throws: `model/unsupported-config` where it is neither, or without exact GELU and absolute positions, or a decoder.
 */
export function bertShape(config: unknown): BertShape {
  if (!isJsonObject(config)) throw unsupportedConfigError('an object', 'at its root', config);
  const type = config['model_type'];
  if (type !== 'bert' && type !== 'distilbert') throw unsupportedConfigError('model_type', '"bert" or "distilbert"', type);
  const family: ModelFamily = type;
  const word = (bertKey: string, expected: string) => {
    const key = familyKey(family, bertKey);
    const found = config[key];
    if (found !== expected && found !== undefined) throw unsupportedConfigError(key, JSON.stringify(expected), found);
  };
  word('hidden_act', 'gelu');
  if (family === 'bert') word('position_embedding_type', 'absolute');
  // Transformers would hide what follows a word from it.
  if (config['is_decoder'] !== undefined && config['is_decoder'] !== false) throw unsupportedConfigError('is_decoder', 'false', config['is_decoder']);
  const size = (bertKey: string) => {
    const key = familyKey(family, bertKey);
    const found = config[key];
    if (typeof found !== 'number' || !Number.isInteger(found) || found < 1) throw unsupportedConfigError(key, 'as a whole number above 0', found);
    return found;
  };
  const epsilon = (family === 'bert' ? config['layer_norm_eps'] : undefined) ?? 1e-12;
  if (typeof epsilon !== 'number' || !(epsilon > 0)) throw unsupportedConfigError('layer_norm_eps', 'as a number above 0', epsilon);
  const shape: BertShape = {
    ...(family === 'bert' ? {} : { family }),
    layers: size('num_hidden_layers'),
    width: size('hidden_size'),
    heads: size('num_attention_heads'),
    feedForwardWidth: size('intermediate_size'),
    vocabularySize: size('vocab_size'),
    maximumPositions: size('max_position_embeddings'),
    tokenTypes: family === 'bert' ? size('type_vocab_size') : 0,
    layerNormEpsilon: epsilon,
  };
  if (shape.width % shape.heads !== 0) throw unsupportedConfigError(familyKey(family, 'num_attention_heads'), `as a divisor of ${shape.width}`, shape.heads);
  return shape;
}
