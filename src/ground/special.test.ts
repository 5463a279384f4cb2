import { describe, expect, it } from 'vitest';
import { erf, erfc, lnGamma, logErfc, logNormalCdf, normalCdf, normalQuantile, scaledErfc, scaledErfcFall } from './special.ts';

// Every value below: mpmath 1.3.0 with 40 digits, at the float64 nearest to the argument as written.

/** A few ulp: the last bit of an exponential or logarithm, and of the sums after it. */
const FEW_ULP = 2e-15;

function expectClose(found: number, expected: number, relative: number, absolute = 0): void {
  expect(Math.abs(found - expected), `${found} against ${expected}`).toBeLessThanOrEqual(relative * Math.abs(expected) + absolute);
}

describe('error functions', () => {
  it.each([
    [-5, 1.9999999999984625402],
    [-1.5, 1.9661051464753107271],
    [-0.3, 1.3286267594591274162],
    [0, 1],
    [1e-9, 0.9999999988716208329],
    [0.1, 0.8875370839817151016],
    [0.5, 0.47950012218695346232],
    [0.50001, 0.47949133440510342327],
    [0.9, 0.20309178757716786034],
    [1, 0.15729920705028513066],
    [2, 0.0046777349810472658379],
    [3.7, 1.6715105790914597513e-7],
    [5.9, 7.1904097835504777249e-17],
    [6.1, 6.3146021501937181345e-18],
    [10, 2.088487583762544757e-45],
    [20, 5.3958656116079009289e-176],
    [26, 5.6631924088561428465e-296],
  ])('erfc(%d)', (x, expected) => expectClose(erfc(x), expected, FEW_ULP));

  it.each([
    [-0.4, -0.42839235504666847645],
    [1e-20, 1.128379167095512512e-20],
    [1e-8, 1.1283791670955125599e-8],
    [0.2, 0.22270258921047846618],
    [0.5, 0.52049987781304653768],
    [0.7, 0.67780119383741844228],
    [1.5, 0.96610514647531072707],
    [4, 0.99999998458274209972],
  ])('erf(%d)', (x, expected) => expectClose(erf(x), expected, FEW_ULP));

  it.each([
    [-30, 0.69314718055994530942],
    [-2, 0.69080557364658765676],
    [-0.1, 0.10657640058652249059],
    [0.3, -0.3984300514400852726],
    [0.6, -0.92597772679428661361],
    [2, -5.3649412646166375745],
    [8, -66.65947197080516149],
    [40, -1604.2615566532735557],
    [1000, -1000007.4801207219062],
  ])('logErfc(%d)', (x, expected) => expectClose(logErfc(x), expected, FEW_ULP));

  it.each([
    [-1, 11.146339328620079507],
    [0, 1.1283791670955125739],
    [0.5, 0.51268882290258669903],
    [0.99, 0.2763233652284990036],
    [1, 0.27321201478389856507],
    [3, 0.05437226000717287138],
    [10, 0.0055593122190608567458],
    [1e3, 5.6418873726549666885e-7],
    [1e6, 5.6418958354691000257e-13],
  ])('scaledErfcFall(%d)', (x, expected) => expectClose(scaledErfcFall(x), expected, 4 * FEW_ULP));

  it('joins its branches without a step', () => {
    for (const edge of [0.5, 6, Math.SQRT2 * 0.5]) {
      expectClose(scaledErfc(edge * (1 - 1e-15)), scaledErfc(edge * (1 + 1e-15)), 4 * FEW_ULP);
      expectClose(logErfc(edge * (1 - 1e-15)), logErfc(edge * (1 + 1e-15)), 4 * FEW_ULP);
    }
  });

  it('keeps NaN and the infinities', () => {
    for (const f of [erf, erfc, logErfc, scaledErfc, normalCdf, logNormalCdf, normalQuantile, lnGamma]) expect(f(NaN)).toBeNaN();
    expect([erf(Infinity), erf(-Infinity), erfc(Infinity), erfc(-Infinity)]).toEqual([1, -1, 0, 2]);
    expect([scaledErfc(Infinity), logErfc(Infinity), normalCdf(-Infinity), normalCdf(Infinity)]).toEqual([0, -Infinity, 0, 1]);
  });
});

describe('lnGamma', () => {
  it.each([
    [1e-10, 23.025850929882735237],
    [0.1, 2.252712651734205902],
    [0.5, 0.57236494292470008707],
    [1, 0],
    [1.0001, -0.000057713342220471268005],
    [1.5, -0.12078223763524522235],
    [2, 0],
    [3, 0.69314718055994530942],
    [10.5, 13.940625219403763633],
    [11.9, 17.258477450595522012],
    [12, 17.502307845873885839],
    [100, 359.13420536957539878],
    [1e6, 12815504.56914761166],
  ])('lnGamma(%d)', (x, expected) => expectClose(lnGamma(x), expected, FEW_ULP, 2e-14));

  it('is NaN where Gamma is not positive by definition here', () => {
    expect(lnGamma(0)).toBeNaN();
    expect(lnGamma(-1.5)).toBeNaN();
  });
});

describe('normal distribution', () => {
  it.each([
    [0.001, -3.0902323061678135354],
    [0.025, -1.9599639845400542118],
    [0.3, -0.52440051270804081597],
    [0.4999, -0.00025066283008800749239],
    [0.9, 1.2815515655446005935],
    [0.975, 1.9599639845400538556],
    [1e-12, -7.0344838253011319326],
    [1e-300, -37.047096299361199237],
  ])('quantile(%d)', (p, expected) => expectClose(normalQuantile(p), expected, FEW_ULP, FEW_ULP));

  it('quantile undoes the distribution function', () => {
    // cdf is flat in the tails: a relative error of 1e-16 in p moves x by 1e-16 p / density, below 1e-14 here.
    for (let x = -8; x <= 0; x += 0.25) expectClose(normalQuantile(normalCdf(x)), x, 0, 1e-14);
    expect(normalQuantile(0)).toBe(-Infinity);
    expect(normalQuantile(1)).toBe(Infinity);
    expect(normalQuantile(-0.1)).toBeNaN();
  });
});
