import { UNIT } from '../../ground/testing/fixed-point.ts';

/** pi with 220 bits, by Machin's formula. */
export const fixedPi = (() => {
  const arctan = (inverse: bigint) => {
    let power = UNIT / inverse;
    let sum = 0n;
    for (let k = 0n; power !== 0n; k++) {
      sum += (k % 2n === 0n ? power : -power) / (2n * k + 1n);
      power /= inverse * inverse;
    }
    return sum;
  };
  return 16n * arctan(5n) - 4n * arctan(239n);
})();
