import { type OperationCase, caseValues } from '../operation-case.ts';

/** Signed zeros, a denormal, the turning point near -0.75, and where the tails end. */
const corners = Float32Array.of(0, -0, 1e-30, -1e-30, 1e-42, 0.5, -0.5, -0.7517916, 1, -1, 3, -3, 5.5, -5.5);

const inputs: readonly { readonly name: string; readonly x: Float32Array; readonly tolerance?: number }[] = [
  { name: 'one value', x: Float32Array.of(0.3) },
  { name: '7 values', x: caseValues(7, 700) },
  { name: '64 values', x: caseValues(64, 701) },
  { name: '1000 values', x: caseValues(1000, 702, 2) },
  { name: '70,001 values', x: caseValues(70_001, 703, 3) },
  { name: 'small values', x: caseValues(33, 704, 1e-4) },
  { name: 'lower tail', x: Float32Array.from({ length: 40 }, (_, i) => -i / 8), tolerance: 1e-5 },
  { name: 'corners', x: corners },
  // Apart, for the error is measured against the largest output; the square of 1e20 overflows float32.
  { name: 'huge', x: Float32Array.of(10, 40, 1e20) },
  { name: 'hugely negative', x: Float32Array.of(-15, -40, -1e20) },
];

const tolerance = 5e-6;
const reason = 'erf by a float32 polynomial (absolute error below 5e-7) and an exp good to a few units in the last place';

export const geluCases: readonly OperationCase[] = inputs.map((input) => ({
  operation: 'gelu',
  name: input.name,
  model: 'nano',
  tolerance: input.tolerance ?? tolerance,
  reason: input.tolerance === undefined ? reason : `${reason}; the largest output here is only 0.17`,
  run: (operations, buffers) => void buffers.output(operations.gelu(buffers.input(input.x), input.x.length), input.x.length),
}));

export const geluBackwardCases: readonly OperationCase[] = inputs.map((input, seed) => ({
  operation: 'geluBackward',
  name: input.name,
  model: 'nano',
  tolerance: 1e-5,
  reason: `${reason}; two such terms meet`,
  run(operations, buffers) {
    const dy = buffers.input(caseValues(input.x.length, 710 + seed));
    buffers.output(operations.geluBackward(dy, buffers.input(input.x), input.x.length), input.x.length);
  },
}));
