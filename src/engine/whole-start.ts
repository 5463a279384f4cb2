import type { BertWeights, LayerNorm, Linear, QuantizedMatrix } from './model/weights.ts';
import type { ParameterLayout } from './parameters.ts';

/** Writes q * scale of every weight from `offset` on. */
function dequantize({ rows, columns, values, scales }: QuantizedMatrix, theta: Float32Array, offset: number): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) theta[offset + row * columns + column] = values[row * columns + column]! * scales[row]!;
  }
}

/** Theta with every tensor of the layout as it is in the frozen model, and a head of zeros: where training begins. Shapes: [P]. */
export function wholeStart(weights: BertWeights, layout: ParameterLayout): Float32Array {
  const theta = new Float32Array(layout.length);
  const offsets = new Map(layout.entries.map(({ name, offset }) => [name, offset]));
  const matrix = (name: string, values: QuantizedMatrix) => {
    const offset = offsets.get(name);
    if (offset !== undefined) dequantize(values, theta, offset);
  };
  const vector = (name: string, values: Float32Array) => {
    const offset = offsets.get(name);
    if (offset !== undefined) theta.set(values, offset);
  };
  const linear = (path: string, { weight, bias }: Linear) => {
    matrix(`${path}.weight`, weight);
    vector(`${path}.bias`, bias);
  };
  const norm = (path: string, { weight, bias }: LayerNorm) => {
    vector(`${path}.weight`, weight);
    vector(`${path}.bias`, bias);
  };
  matrix('embeddings.word_embeddings.weight', weights.wordEmbeddings);
  matrix('embeddings.position_embeddings.weight', weights.positionEmbeddings);
  matrix('embeddings.token_type_embeddings.weight', weights.tokenTypeEmbeddings);
  norm('embeddings.LayerNorm', weights.embeddingNorm);
  for (const [index, layer] of weights.layers.entries()) {
    const path = `encoder.layer.${index}`;
    linear(`${path}.attention.self.query`, layer.query);
    linear(`${path}.attention.self.key`, layer.key);
    linear(`${path}.attention.self.value`, layer.value);
    linear(`${path}.attention.output.dense`, layer.attentionOutput);
    norm(`${path}.attention.output.LayerNorm`, layer.attentionNorm);
    linear(`${path}.intermediate.dense`, layer.intermediate);
    linear(`${path}.output.dense`, layer.output);
    norm(`${path}.output.LayerNorm`, layer.outputNorm);
  }
  return theta;
}
