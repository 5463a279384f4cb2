import type { BertWeights, LayerNorm, Linear } from '../../../src/engine/model/weights.ts';
import { floatTable } from '../workload/float-model.ts';
import { OnnxGraph } from './graph.ts';

/**
 * `float32` the dequantized weights; `int8` the very int8 weights of ours, activations quantized as they come (ONNX Runtime's dynamic quantization):
 * what its error is more than ours, its activations make.
 */
export type OnnxWeights = 'float32' | 'int8';

/**
 * The encoder as an ONNX file of the largest operators that ONNX Runtime has for it on the CPU and on WebGPU: Gemm with bias, MultiHeadAttention, Gelu, LayerNormalization.
 * Inputs `input_ids` and `attention_mask` [B, S] int64; output `last_hidden_state` [B, S, D].
 */
export function bertOnnx(weights: BertWeights, kind: OnnxWeights): Uint8Array<ArrayBuffer> {
  const { width: D, heads, maximumPositions, layerNormEpsilon } = weights.shape;
  const graph = new OnnxGraph();
  const ids = graph.input('input_ids', 'int64', ['batch', 'tokens']);
  const mask = graph.input('attention_mask', 'int64', ['batch', 'tokens']);

  const positions = floatTable(weights.positionEmbeddings);
  const tokenType = floatTable(weights.tokenTypeEmbeddings);
  for (let i = 0; i < positions.length; i++) positions[i]! += tokenType[i % D]!;

  const idsShape = graph.node('Shape', [ids]);
  const tokens = graph.node('Slice', [idsShape, graph.integers(1), graph.integers(2), graph.integers(0)]);
  const hiddenShape = graph.node('Concat', [idsShape, graph.integers(D)], { axis: 0 });
  const flatShape = graph.integers(-1, D);
  const word = graph.node('Gather', [graph.constant(floatTable(weights.wordEmbeddings), [weights.shape.vocabularySize, D]), ids], { axis: 0 });
  const position = graph.node('Slice', [graph.constant(positions, [maximumPositions, D]), graph.integers(0), tokens, graph.integers(0)]);

  const norm = (x: string, { weight, bias }: LayerNorm) => graph.node('LayerNormalization', [x, graph.floats(weight), graph.floats(bias)], { axis: -1, epsilon: { float: layerNormEpsilon } });

  function linear(x: string, { weight, bias }: Linear): string {
    const { rows: N, columns: K } = weight;
    if (kind === 'float32') return graph.node('Gemm', [x, graph.constant(floatTable(weight), [N, K]), graph.floats(bias)], { transB: 1 });
    const transposed = new Int8Array(K * N);
    for (let n = 0; n < N; n++) for (let k = 0; k < K; k++) transposed[k * N + n] = weight.values[n * K + k]!;
    return graph.contribNode('DynamicQuantizeMatMul', [x, graph.constant(transposed, [K, N]), graph.floats(weight.scales), '', graph.floats(bias)]);
  }

  // 0 where a key counts and -10,000 where it is padding, [B, 1, S, S].
  const absent = graph.node('Sub', [graph.floats(Float32Array.of(1)), graph.node('Cast', [mask], { to: 1 })]);
  const penalty = graph.node('Unsqueeze', [graph.node('Mul', [absent, graph.floats(Float32Array.of(-10_000))]), graph.integers(1, 2)]);
  const batch = graph.node('Slice', [idsShape, graph.integers(0), graph.integers(1), graph.integers(0)]);
  const attentionBias = graph.node('Expand', [penalty, graph.node('Concat', [batch, graph.integers(1), tokens, tokens], { axis: 0 })]);

  let x = graph.node('Reshape', [norm(graph.node('Add', [word, position]), weights.embeddingNorm), flatShape]);
  for (const layer of weights.layers) {
    const rows = (y: string) => graph.node('Reshape', [y, hiddenShape]);
    const [query, key, value] = [layer.query, layer.key, layer.value].map((map) => rows(linear(x, map))) as [string, string, string];
    const context = graph.contribNode('MultiHeadAttention', [query, key, value, '', '', attentionBias], { num_heads: heads });
    const attended = norm(graph.node('Add', [x, linear(graph.node('Reshape', [context, flatShape]), layer.attentionOutput)]), layer.attentionNorm);
    const activated = graph.contribNode('Gelu', [linear(attended, layer.intermediate)]);
    x = norm(graph.node('Add', [attended, linear(activated, layer.output)]), layer.outputNorm);
  }
  graph.output(graph.node('Reshape', [x, hiddenShape]), 'last_hidden_state', 'float32', ['batch', 'tokens', D]);
  return graph.file();
}
