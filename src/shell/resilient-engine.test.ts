import { describe, expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import type { AdapterConfig } from '../engine/parameters.ts';
import { ResilientEngine } from './resilient-engine.ts';

const shape = { layers: 1, width: 4, heads: 1, feedForwardWidth: 4, vocabularySize: 4, maximumPositions: 4, tokenTypes: 1, layerNormEpsilon: 1e-12 };
const input = { ids: Int32Array.of(1), offsets: Int32Array.of(0, 1) };

class DeviceLost extends Error {}

/** Answers with the sum of its parameters; loses its device at the given call. */
function countingEngine(losesAt: number): Engine & { calls: number; isDisposed: boolean } {
  let sum = 0;
  return {
    calls: 0,
    isDisposed: false,
    backend: 'webgpu',
    device: `loses at ${losesAt}`,
    shape,
    configure: (_adapter: AdapterConfig) => ({ entries: [], length: 2 }),
    setParameters: (theta) => {
      sum = theta.reduce((total, value) => total + value, 0);
    },
    initialParameters: () => new Float32Array(2),
    encode: async () => new Float32Array(4),
    hidden: async () => new Float32Array(4),
    async logits() {
      if (++this.calls >= losesAt) throw new DeviceLost();
      return Float32Array.of(sum);
    },
    gradients: async () => ({ losses: new Float32Array(1), gradients: new Float32Array(2) }),
    summedGradient: async () => ({ losses: new Float32Array(1), gradient: new Float32Array(2) }),
    async clippedSum(batches) {
      for await (const batch of batches()) expect(batch).toBeDefined();
      // As an engine complains that was disposed of meanwhile, and has no parameters any more.
      if (this.isDisposed) throw new Error('configured before');
      if (++this.calls >= losesAt) throw new DeviceLost();
      return { sum: Float64Array.of(sum), losses: new Float32Array(0) };
    },
    dispose() {
      this.isDisposed = true;
    },
  };
}

describe('resilient engine', () => {
  it('goes on with the parameters as they were installed after the device is lost', async () => {
    const first = countingEngine(2);
    const second = countingEngine(Infinity);
    const engine = new ResilientEngine(first, (error) => error instanceof DeviceLost, async () => second);
    engine.configure({ classes: 2, lora: null });
    const theta = Float32Array.of(3, 4);
    engine.setParameters(theta);
    theta.fill(0);
    expect(await engine.logits(input)).toEqual(Float32Array.of(7));
    expect(await engine.logits(input)).toEqual(Float32Array.of(7));
    expect(engine.losses).toBe(1);
    expect(first.isDisposed).toBe(true);
    expect(engine.device).toBe('loses at Infinity');
  });

  it('survives a second loss', async () => {
    const engines = [countingEngine(1), countingEngine(Infinity)];
    const engine = new ResilientEngine(countingEngine(1), (error) => error instanceof DeviceLost, async (_error, losses) => engines[losses - 1]!);
    engine.setParameters(Float32Array.of(1, 1));
    expect(await engine.logits(input)).toEqual(Float32Array.of(2));
    expect(engine.losses).toBe(2);
  });

  it('survives a device that is lost as soon as it is there, before anything is installed on it', async () => {
    const engines: readonly Engine[] = [
      {
        ...countingEngine(Infinity),
        configure: () => {
          throw new DeviceLost();
        },
      },
      countingEngine(Infinity),
    ];
    const engine = new ResilientEngine(countingEngine(1), (error) => error instanceof DeviceLost, async (_error, losses) => engines[losses - 1]!);
    engine.configure({ classes: 2, lora: null });
    engine.setParameters(Float32Array.of(3, 4));
    expect(await engine.logits(input)).toEqual(Float32Array.of(7));
    expect(engine.losses).toBe(2);
  });

  it('finds everything installed where the device was lost before, and a call without an answer came upon it', async () => {
    const idle: Engine = {
      ...countingEngine(Infinity),
      configure: () => {
        throw new DeviceLost();
      },
      // As an engine complains that was not configured.
      setParameters: () => {
        throw new Error('configured before');
      },
      logits: () => Promise.reject(new Error('configured before')),
    };
    const engine = new ResilientEngine(idle, (error) => error instanceof DeviceLost, async () => countingEngine(Infinity));
    engine.configure({ classes: 2, lora: null });
    engine.setParameters(Float32Array.of(3, 4));
    expect(await engine.logits(input)).toEqual(Float32Array.of(7));
    expect(engine.losses).toBe(1);
  });

  it('asks for the batches again where the device is lost in a clipped sum, and replaces a device once that was lost while they were made', async () => {
    const batch = { input, labels: Int32Array.of(0), unitOffsets: Int32Array.of(0, 1) };
    const engine: ResilientEngine = new ResilientEngine(countingEngine(1), (error) => error instanceof DeviceLost, async () => countingEngine(Infinity));
    engine.setParameters(Float32Array.of(3, 4));
    let asked = 0;
    async function* batches() {
      asked++;
      // As a prefix is computed on the same engine, which loses its device here.
      await engine.logits(input);
      yield batch;
    }
    const { sum } = await engine.clippedSum(batches, { gridScale: 1, sensitivity: 1 });
    expect([...sum]).toEqual([7]);
    expect(engine.losses).toBe(1);
    expect(asked).toBe(2);
  });

  it('passes any other error on, and the failure to rebuild', async () => {
    const broken = new ResilientEngine(countingEngine(1), () => false, async () => countingEngine(Infinity));
    await expect(broken.logits(input)).rejects.toBeInstanceOf(DeviceLost);
    const hopeless = new ResilientEngine(countingEngine(1), () => true, async () => Promise.reject(new Error('no device')));
    await expect(hopeless.logits(input)).rejects.toThrow('no device');
  });
});
