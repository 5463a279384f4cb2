import { invariant } from '../ground/check.ts';
import type { Sequences } from './operations/buffers/contract.ts';
import type { Operations } from './operations/operations.ts';

export interface LiveBuffers {
  /** Buffers and sequences made and not yet released. */
  readonly count: number;
  /** The most there have been at once. */
  readonly peak: number;
}

/**
 * The same operations with their buffers counted: throws where a buffer is used or released that is not live.
 * For tests and for measuring memory; buffers must be objects or unique while they live.
 */
export function countBuffers<Buffer>(operations: Operations<Buffer>): { operations: Operations<Buffer>; live: LiveBuffers } {
  const buffers = new Set<Buffer | Sequences>();
  /** Parts that live as long as what holds them. */
  const partsOf = new Map<Buffer, readonly Buffer[]>();
  let peak = 0;
  const made = <Thing extends Buffer | Sequences>(thing: Thing): Thing => {
    buffers.add(thing);
    peak = Math.max(peak, buffers.size);
    return thing;
  };
  const used = (...things: readonly (Buffer | Sequences | undefined)[]) => {
    for (const thing of things) invariant(thing === undefined || buffers.has(thing), 'a buffer is live while it is used');
  };
  const gone = (...things: readonly (Buffer | Sequences)[]) => {
    used(...things);
    for (const thing of things) buffers.delete(thing);
  };
  const inner = operations;
  return {
    live: {
      get count() {
        return buffers.size;
      },
      get peak() {
        return peak;
      },
    },
    operations: {
      backend: inner.backend,
      device: inner.device,
      load: (weights) => inner.load(weights),
      upload: (values) => made(inner.upload(values)),
      zeros: (length) => made(inner.zeros(length)),
      write(buffer, values) {
        used(buffer);
        inner.write(buffer, values);
      },
      steps: inner.steps,
      download(buffer, length) {
        used(buffer);
        return inner.download(buffer, length);
      },
      release(...released) {
        gone(...released);
        for (const whole of released) {
          for (const part of partsOf.get(whole) ?? []) buffers.delete(part);
          partsOf.delete(whole);
        }
        inner.release(...released);
      },
      sequences: (offsets) => made(inner.sequences(offsets)),
      releaseSequences(sequences) {
        gone(sequences);
        inner.releaseSequences(sequences);
      },
      dispose: () => inner.dispose(),
      embed(ids, sequences) {
        used(sequences);
        return made(inner.embed(ids, sequences));
      },
      linear(layer, name, x, tokens, residual) {
        used(x, residual);
        return made(inner.linear(layer, name, x, tokens, residual));
      },
      linearBackward(layer, name, dy, tokens, residual) {
        used(dy, residual);
        return made(inner.linearBackward(layer, name, dy, tokens, residual));
      },
      layerNorm(layer, name, x, tokens) {
        used(x);
        return made(inner.layerNorm(layer, name, x, tokens));
      },
      layerNormBackward(layer, name, dy, x, tokens) {
        used(dy, x);
        return made(inner.layerNormBackward(layer, name, dy, x, tokens));
      },
      gelu(x, length) {
        used(x);
        return made(inner.gelu(x, length));
      },
      geluBackward(dy, x, length) {
        used(dy, x);
        return made(inner.geluBackward(dy, x, length));
      },
      attention(qkv, sequences) {
        used(qkv, sequences);
        return made(inner.attention(qkv, sequences));
      },
      attentionBackward(qkv, context, dContext, sequences) {
        used(qkv, context, dContext, sequences);
        return made(inner.attentionBackward(qkv, context, dContext, sequences));
      },
      addLora(x, theta, pairs, y, tokens) {
        used(x, theta, y);
        return made(inner.addLora(x, theta, pairs, y, tokens));
      },
      loraBackward(x, u, dy, theta, pairs, gradients, parameters, sequences, dx) {
        used(x, u, dy, theta, gradients, sequences, dx);
        inner.loraBackward(x, u, dy, theta, pairs, gradients, parameters, sequences, dx);
      },
      meanPool(x, sequences) {
        used(x, sequences);
        return made(inner.meanPool(x, sequences));
      },
      meanPoolBackward(dPooled, sequences) {
        used(dPooled, sequences);
        return made(inner.meanPoolBackward(dPooled, sequences));
      },
      headLogits(pooled, theta, offsetWeight, offsetBias, classes, rows) {
        used(pooled, theta);
        return made(inner.headLogits(pooled, theta, offsetWeight, offsetBias, classes, rows));
      },
      headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, classes, gradients, parameters, rows) {
        used(pooled, logits, theta, gradients);
        const { losses, dPooled } = inner.headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, classes, gradients, parameters, rows);
        return { losses: made(losses), dPooled: made(dPooled) };
      },
      dense: {
        linear(x, theta, map, rows, residual) {
          used(x, theta, residual);
          return made(inner.dense.linear(x, theta, map, rows, residual));
        },
        linearBackward(dy, theta, map, rows, residual) {
          used(dy, theta, residual);
          return made(inner.dense.linearBackward(dy, theta, map, rows, residual));
        },
        linearGradient(x, dy, map, gradient, rows) {
          used(x, dy, gradient);
          inner.dense.linearGradient(x, dy, map, gradient, rows);
        },
        norm(x, theta, norm, rows) {
          used(x, theta);
          return made(inner.dense.norm(x, theta, norm, rows));
        },
        normBackward(dy, x, theta, norm, gradient, rows) {
          used(dy, x, theta, gradient);
          return made(inner.dense.normBackward(dy, x, theta, norm, gradient, rows));
        },
        embed(ids, sequences, theta, tables) {
          used(sequences, theta);
          return made(inner.dense.embed(ids, sequences, theta, tables));
        },
        embedBackward(ids, sequences, dy, tables, gradient) {
          used(sequences, dy, gradient);
          inner.dense.embedBackward(ids, sequences, dy, tables, gradient);
        },
        crossEntropy(logits, labels, classes, rows) {
          used(logits);
          const { losses, dLogits } = inner.dense.crossEntropy(logits, labels, classes, rows);
          return { losses: made(losses), dLogits: made(dLogits) };
        },
      },
      ...(inner.keepHalves && {
        keepHalves(given, lengths) {
          used(...given);
          const { whole, parts } = inner.keepHalves!(given, lengths);
          for (const part of parts) buffers.add(part);
          partsOf.set(whole, parts);
          return { whole: made(whole), parts };
        },
      }),
      clippedSums(parameters, grid, maximumRows) {
        const sums = inner.clippedSums(parameters, grid, maximumRows);
        return {
          ...sums,
          add(rows) {
            used(rows.gradients, rows.losses);
            return sums.add(rows);
          },
        };
      },
    },
  };
}
