/**
 * What launches cost, in multiply-adds of the forward int8 product that take as long. The weights come from timestamp queries around each launch of a step
 * on a software renderer (`npm run bench -- engine --only breakdown`), rounded up; a graphics card is measured at the product alone, and the room between
 * the 50 ms aimed at and the seconds of a watchdog covers what it does otherwise.
 */
const weights = { linear: 1, linearBackward: 2, attention: 5, attentionBackward: 3, lora: 7, clip: 300, perNumber: 20 } as const;

export const launchCost = {
  linear: (tokens: number, K: number, N: number) => weights.linear * tokens * K * N,
  linearBackward: (tokens: number, K: number, N: number) => weights.linearBackward * tokens * K * N,
  /** `passes` over the head's width for each pair of tokens of a row, all heads together. */
  attention: (tokenPairs: number, width: number, passes: number) => weights.attention * passes * tokenPairs * width,
  attentionBackward: (tokenPairs: number, width: number, passes: number) => weights.attentionBackward * passes * tokenPairs * width,
  /** Of a product with a side of rank `rank`. */
  lora: (tokens: number, rank: number, columns: number) => weights.lora * tokens * rank * columns,
  /** Few workgroups go over a unit's gradients several times. */
  clip: (count: number) => weights.clip * count,
  /** Of kernels that go over `count` numbers: norms, activations, the head. */
  numbers: (count: number) => weights.perNumber * count,
  /** float32 products read each number on its own. */
  dense: (I: number, J: number, L: number) => weights.linearBackward * I * J * L,
};
