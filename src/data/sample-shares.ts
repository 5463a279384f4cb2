/**
 * Shares of sum 1 from a symmetric Dirichlet distribution: gamma variates over their sum, in logarithms, because those of a small
 * concentration underflow. Shapes: [count].
 */
export function dirichlet(count: number, concentration: number, random: () => number): readonly number[] {
  const logs = Array.from({ length: count }, () => logGamma(concentration, random));
  const largest = Math.max(...logs);
  const sizes = logs.map((log) => Math.exp(log - largest));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return sizes.map((size) => size / total);
}

/** Logarithm of a gamma variate of this shape: Marsaglia and Tsang 2000 for shape + 1, brought down by u^(1 / shape). */
function logGamma(shape: number, random: () => number): number {
  const d = shape + 1 - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v) + Math.log(1 - random()) / shape;
  }
}

/** Box and Muller 1958. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
