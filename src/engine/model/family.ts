/** Models with BERT's layers under other names. `bert` is also MiniLM's. */
export type ModelFamily = 'bert' | 'distilbert';

interface FamilyNames {
  /** In front of every name in checkpoints of the family, where a head was saved with the encoder. */
  readonly prefix: string;
  /** BERT's part of a name, and the family's; the first that fits is replaced. */
  readonly parts: readonly (readonly [bert: string, own: string])[];
  /** Keys of `config.json` by BERT's. */
  readonly keys: Readonly<Record<string, string>>;
}

/** Source: `modeling_distilbert.py` and `configuration_distilbert.py` of Hugging Face transformers 4.57. */
const families: Readonly<Record<ModelFamily, FamilyNames>> = {
  bert: { prefix: 'bert.', parts: [], keys: {} },
  distilbert: {
    prefix: 'distilbert.',
    parts: [
      ['attention.self.query', 'attention.q_lin'],
      ['attention.self.key', 'attention.k_lin'],
      ['attention.self.value', 'attention.v_lin'],
      ['attention.output.dense', 'attention.out_lin'],
      ['attention.output.LayerNorm', 'sa_layer_norm'],
      ['intermediate.dense', 'ffn.lin1'],
      ['output.dense', 'ffn.lin2'],
      ['output.LayerNorm', 'output_layer_norm'],
    ],
    keys: {
      hidden_act: 'activation', num_hidden_layers: 'n_layers', hidden_size: 'dim', num_attention_heads: 'n_heads', intermediate_size: 'hidden_dim',
    },
  },
};

/** What Hugging Face puts before the names of a whole model's encoder. */
export function familyPrefix(family: ModelFamily): string {
  return families[family].prefix;
}

/** The name in `config.json` of what BERT calls `key`. */
export function familyKey(family: ModelFamily, key: string): string {
  return families[family].keys[key] ?? key;
}

/** Where the layers lie: `encoder.layer` of BERT. */
function layersPath(family: ModelFamily): string {
  return family === 'distilbert' ? 'transformer.layer' : 'encoder.layer';
}

/** The family's name of the map or norm that BERT calls `path` within a layer; the tensor's own name may follow it. */
export function familyPath(family: ModelFamily, path: string): string {
  const found = families[family].parts.find(([bert]) => path.startsWith(bert));
  return found ? found[1] + path.slice(found[0].length) : path;
}

/** The family's name of the tensor that BERT calls `name`, e.g. `encoder.layer.0.attention.self.query.weight`. */
export function familyName(family: ModelFamily, name: string): string {
  const match = /^encoder\.layer\.(\d+)\.(.+)$/.exec(name);
  return match ? `${layersPath(family)}.${match[1]}.${familyPath(family, match[2]!)}` : name;
}
