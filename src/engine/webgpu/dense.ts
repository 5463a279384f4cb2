import type { DenseOperations } from '../operations/dense/contract.ts';
import { tableRows } from '../operations/dense/reference.ts';
import { addColumns, denseNorm, denseNormBackward, denseNormProducts, gatherSums, product, productThreads, scatterSums, type ProductStart } from '../operations/dense/webgpu.ts';
import { crossEntropy, crossEntropyBackward } from '../operations/head/webgpu.ts';
import type { DeviceBuffer, LaunchDevice } from './device.ts';
import type { Kernel } from './kernel.ts';
import { launchCost } from './launch-cost.ts';

/** Which index of A, B and C runs along which, and where B's and C's part of their buffers begin. */
interface ProductPlace {
  readonly I: number;
  readonly J: number;
  readonly L: number;
  readonly aRow: number;
  readonly aStep: number;
  readonly bColumn: number;
  readonly bStep: number;
  readonly bOffset: number;
  readonly cOffset: number;
  readonly biasOffset: number;
}

/** Rows of the tables with the tokens that each gets gradients of: [G, 3] targets and places in the order, and the order. */
function tokensByRow(starts: readonly (readonly number[])[]): { readonly groups: Int32Array; readonly order: Int32Array } {
  const tokens = new Map<number, number[]>();
  for (const [t, rows] of starts.entries()) {
    for (const row of rows) {
      const own = tokens.get(row);
      if (own) own.push(t);
      else tokens.set(row, [t]);
    }
  }
  const groups: number[] = [];
  const order: number[] = [];
  for (const [target, own] of tokens) {
    groups.push(target, order.length, order.length + own.length);
    order.push(...own);
  }
  return { groups: Int32Array.from(groups), order: Int32Array.from(order) };
}

/** Operations on float32 weights in theta, as WGSL kernels. */
export function createWebGpuDense(device: LaunchDevice): DenseOperations<DeviceBuffer> {
  function launched<Input extends string, Uniform extends string>(
    kernel: Kernel<Input, Uniform>, length: number, threads: number, inputs: Readonly<Record<Input, DeviceBuffer>>, uniforms: Readonly<Record<Uniform, number>>, multiplyAdds = launchCost.numbers(length),
  ): DeviceBuffer {
    const output = device.allocate(length);
    device.run(kernel, { inputs, uniforms, threads, output, multiplyAdds });
    return output;
  }

  function multiply(begin: ProductStart, a: DeviceBuffer, b: DeviceBuffer, start: DeviceBuffer, place: ProductPlace): DeviceBuffer {
    return launched(product(begin), place.I * place.J, productThreads(place.I, place.J), { a, b, start }, { ...place }, launchCost.dense(place.I, place.J, place.L));
  }

  return {
    // What a kernel does not read is bound all the same, and bound to a buffer that is read anyway.
    linear(x, theta, { inputWidth: K, outputWidth: N, offsetWeight, offsetBias }, rows, residual) {
      return multiply(residual ? 'bias and start' : 'bias', x, theta, residual ?? x, { I: rows, J: N, L: K, aRow: K, aStep: 1, bColumn: K, bStep: 1, bOffset: offsetWeight, cOffset: 0, biasOffset: offsetBias });
    },
    linearBackward(dy, theta, { inputWidth: K, outputWidth: N, offsetWeight }, rows, residual) {
      return multiply(residual ? 'start' : 'nothing', dy, theta, residual ?? dy, { I: rows, J: K, L: N, aRow: N, aStep: 1, bColumn: 1, bStep: K, bOffset: offsetWeight, cOffset: 0, biasOffset: 0 });
    },
    linearGradient(x, dy, { inputWidth: K, outputWidth: N, offsetWeight, offsetBias }, gradient, rows) {
      const uniforms = { I: N, J: K, L: rows, aRow: 1, aStep: N, bColumn: 1, bStep: K, bOffset: 0, cOffset: offsetWeight, biasOffset: 0 };
      device.run(product('itself'), { inputs: { a: dy, b: x, start: x }, uniforms, threads: productThreads(N, K), output: gradient, multiplyAdds: launchCost.dense(N, K, rows) });
      device.run(addColumns, { inputs: { x: dy }, uniforms: { rows, columns: N, offset: offsetBias }, threads: N, output: gradient, multiplyAdds: launchCost.numbers(rows * N) });
    },

    norm: (x, theta, { width, epsilon, offsetWeight, offsetBias }, rows) => launched(denseNorm(width), rows * width, rows, { x, theta }, { epsilon, offsetWeight, offsetBias }),
    normBackward(dy, x, theta, { width, epsilon, offsetWeight, offsetBias }, gradient, rows) {
      const products = launched(denseNormProducts(width), rows * width, rows, { dy, x }, { epsilon });
      device.run(addColumns, { inputs: { x: products }, uniforms: { rows, columns: width, offset: offsetWeight }, threads: width, output: gradient, multiplyAdds: launchCost.numbers(rows * width) });
      device.run(addColumns, { inputs: { x: dy }, uniforms: { rows, columns: width, offset: offsetBias }, threads: width, output: gradient, multiplyAdds: launchCost.numbers(rows * width) });
      device.release(products);
      return launched(denseNormBackward(width), rows * width, rows, { dy, x, theta }, { epsilon, offsetWeight });
    },

    embed(ids, { offsets }, theta, tables) {
      const rows = tableRows(ids, offsets, tables);
      const starts = device.upload(Int32Array.from(rows.flat()));
      const length = ids.length * tables.width;
      const y = launched(gatherSums, length, length, { theta, starts }, { width: tables.width, parts: rows[0]!.length });
      device.release(starts);
      return y;
    },
    embedBackward(ids, { offsets }, dy, tables, gradient) {
      const { groups, order } = tokensByRow(tableRows(ids, offsets, tables));
      const [groupBuffer, orderBuffer] = [device.upload(groups), device.upload(order)];
      device.run(scatterSums, { inputs: { dy, groups: groupBuffer, order: orderBuffer }, uniforms: { width: tables.width }, threads: (groups.length / 3) * tables.width, output: gradient, multiplyAdds: launchCost.numbers(order.length * tables.width) });
      device.release(groupBuffer);
      device.release(orderBuffer);
    },

    crossEntropy(logits, labels, classes, rows) {
      const labelBuffer = device.upload(labels);
      const losses = launched(crossEntropy, rows, rows, { logits, labels: labelBuffer }, { classes });
      const dLogits = launched(crossEntropyBackward, rows * classes, rows * classes, { logits, labels: labelBuffer }, { classes });
      device.release(labelBuffer);
      return { losses, dLogits };
    },
  };
}
