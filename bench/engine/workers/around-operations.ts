import type { Operations } from '../../../src/engine/operations/operations.ts';

/** Runs one operation's work; `name` is the operation, linear maps by theirs. */
export type Around = <Result>(name: string, compute: () => Result) => Result;

/** The same operations, each run inside `around`: to time them, or to note which one a launch belongs to. */
export function aroundOperations<Buffer>(inner: Operations<Buffer>, around: Around): Operations<Buffer> {
  return {
    ...inner,
    upload: (values) => around('upload', () => inner.upload(values)),
    zeros: (length) => around('zeros', () => inner.zeros(length)),
    embed: (...args) => around('embed', () => inner.embed(...args)),
    linear: (layer, name, ...args) => around(`linear ${name}`, () => inner.linear(layer, name, ...args)),
    linearBackward: (layer, name, ...args) => around(`linearBackward ${name}`, () => inner.linearBackward(layer, name, ...args)),
    layerNorm: (...args) => around('layerNorm', () => inner.layerNorm(...args)),
    layerNormBackward: (...args) => around('layerNormBackward', () => inner.layerNormBackward(...args)),
    gelu: (...args) => around('gelu', () => inner.gelu(...args)),
    geluBackward: (...args) => around('geluBackward', () => inner.geluBackward(...args)),
    attention: (...args) => around('attention', () => inner.attention(...args)),
    attentionBackward: (...args) => around('attentionBackward', () => inner.attentionBackward(...args)),
    addLora: (...args) => around('addLora', () => inner.addLora(...args)),
    loraBackward: (...args) => around('loraBackward', () => inner.loraBackward(...args)),
    meanPool: (...args) => around('meanPool', () => inner.meanPool(...args)),
    meanPoolBackward: (...args) => around('meanPoolBackward', () => inner.meanPoolBackward(...args)),
    headLogits: (...args) => around('headLogits', () => inner.headLogits(...args)),
    headBackward: (...args) => around('headBackward', () => inner.headBackward(...args)),
    clippedSums(...args) {
      const sums = inner.clippedSums(...args);
      return { ...sums, add: (rows) => around('clippedSums', () => sums.add(rows)) };
    },
  };
}

/**
 * The same operations where a batch is one example to the adapters: their gradients come out summed, in the first row, and no example's is known.
 * What per-example gradients cost is the difference. The head's stay apart; they are a thousandth of the work.
 */
export function summedGradients<Buffer>(inner: Operations<Buffer>): Operations<Buffer> {
  return {
    ...inner,
    loraBackward(x, u, dy, theta, pairs, gradients, parameters, { offsets }, dx) {
      const whole = inner.sequences(Int32Array.of(0, offsets.at(-1)!));
      inner.loraBackward(x, u, dy, theta, pairs, gradients, parameters, whole, dx);
      inner.releaseSequences(whole);
    },
  };
}
