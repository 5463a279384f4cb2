/**
 * The continuous pairs of Gaussian releases, in outcomes counted in standard deviations of the noise; mu = 1 / noise multiplier.
 * P is the law with the unit in the data, Q without (zero-out or remove); the reversed pair is "add".
 */
import type { LossLine } from './connect-the-dots.ts';

const INVERSE_SQRT_TWO_PI = 0.3989422804014327;
/** Outcomes so many deviations from every centre are counted as losses at the edge or infinite. */
const REACH = 12;
/** P(Z > 12) = 1.78e-33. */
const BEYOND_REACH = 1.8e-33;

/** A tenth of a deviation is two pieces; a mixture's density also bends as fast as e^(mu z) does. */
const pieceLengthOf = (mu: number) => Math.min(0.05, 0.25 / mu);

/** N(mu, 1) against N(0, 1): one Gaussian release, or any number of them with mu^2 summed. */
export function gaussianLine(mu: number): LossLine {
  const half = (mu * mu) / 2;
  return {
    low: -REACH, high: mu + REACH,
    massAbove: BEYOND_REACH, reverseMassBelow: BEYOND_REACH,
    pieceLength: pieceLengthOf(mu),
    lossAt: (z) => mu * z - half,
    outcomeAt: (loss) => (loss + half) / mu,
    densityAt: (z, loss) => INVERSE_SQRT_TWO_PI * Math.exp(loss - (z * z) / 2),
  };
}

/** (1 - q) N(0, 1) + q N(mu, 1) against N(0, 1): a Poisson sample that may hold the unit. */
export function poissonGaussianLine(samplingRate: number, mu: number): LossLine {
  const half = (mu * mu) / 2;
  return {
    ...gaussianLine(mu),
    lossAt(z) {
      const unsampled = mu * z - half;
      return unsampled > 700 ? unsampled + Math.log(samplingRate) : Math.log1p(samplingRate * Math.expm1(unsampled));
    },
    outcomeAt(loss) {
      if (loss > 700) return (loss - Math.log(samplingRate) + half) / mu;
      const excess = Math.expm1(loss) / samplingRate;
      return excess <= -1 ? -Infinity : (Math.log1p(excess) + half) / mu;
    },
  };
}

/**
 * (1 - q) N(0, 1) + q N(mu, 1) against (1 - q) N(0, 1) + q N(-mu, 1): a Poisson sample that may hold the unit or its replacement.
 *
 * Why this pair dominates. Fix the other units' sum; let the two clipped contributions be g and g'. For alpha >= 1 the divergence of the mixtures
 * is q sup_S [N_g(S) - alpha N_g'(S) - c N_0(S)] with c = (1 - q)(alpha - 1)/q, which is q E[(1 - alpha e^a - c e^b)+], where under N_g the
 * logarithms a and b are jointly normal, with variances |g - g'|^2 and |g|^2, means minus half of those, and covariance <g' - g, -g>. Each mixed
 * second derivative of (1 - alpha e^a - c e^b)+ and each "second minus first" is a positive measure, so by Plackett's identity the expectation
 * rises with the covariance and with both variances. |g - g'| <= 2 and |g| <= 1, and full correlation, are all reached at once at g = -g', a unit
 * vector. For alpha < 1 exchange the two mixtures. The pair is its own mirror image: one direction is both.
 */
export function replaceOneLine(samplingRate: number, mu: number): LossLine {
  const half = (mu * mu) / 2;
  const rest = 1 - samplingRate;
  // ln of 1 - q + q e^y.
  const mixture = (y: number) => (y > 700 ? y + Math.log(samplingRate) : Math.log1p(samplingRate * Math.expm1(y)));
  // (1 - q) / c of the quadratic below.
  const logRatio = Math.log(rest / samplingRate) + half;
  return {
    ...gaussianLine(mu),
    low: -mu - REACH,
    lossAt: (z) => mixture(mu * z - half) - mixture(-mu * z - half),
    // With t = e^(mu z) and c = q e^(-mu^2/2): (1 - q + c t) / (1 - q + c/t) = e^loss is a quadratic in t, whose root this is.
    outcomeAt(loss) {
      const logSine = logRatio + Math.log(Math.abs(Math.sinh(loss / 2)));
      const size = logSine > 300 ? logSine + Math.LN2 : Math.asinh(Math.exp(logSine));
      return (loss / 2 + Math.sign(loss) * size) / mu;
    },
    densityAt: (z) => INVERSE_SQRT_TWO_PI * Math.exp(mixture(mu * z - half) - (z * z) / 2),
  };
}
