"""Epsilon of Gaussian releases, exact: all rounds together are one Gaussian mechanism (Balle and Wang 2018, arXiv 1805.06530, theorem 8)."""

import math

#: Beyond it erfc nears the smallest numbers, and the first terms of the asymptotic series are exact to 1e-12 relative.
FAR = 36.0
BISECTIONS = 200


def log_upper_tail(x: float) -> float:
    """log P(N(0, 1) > x)."""
    if x < FAR:
        return math.log(0.5 * math.erfc(x / math.sqrt(2.0)))
    square = x * x
    return -0.5 * square - math.log(x * math.sqrt(2.0 * math.pi)) + math.log1p(-1.0 / square + 3.0 / square**2 - 15.0 / square**3 + 105.0 / square**4)


def gaussian_delta(epsilon: float, mu: float) -> float:
    """Least delta at which a Gaussian mechanism of sensitivity over deviation `mu` is (epsilon, delta) private."""
    first = log_upper_tail(epsilon / mu - mu / 2.0)
    second = epsilon + log_upper_tail(epsilon / mu + mu / 2.0)
    # Of two numbers that are nearly equal, by their quotient.
    return math.exp(first) * -math.expm1(min(0.0, second - first))


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Least epsilon, rounded upwards by bisection. `mu`: of all releases together, the root of the sum of their squares."""
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta must lie between 0 and 1, found {delta}.")
    if mu == 0.0 or gaussian_delta(0.0, mu) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while gaussian_delta(high, mu) > delta:
        low, high = high, 2.0 * high
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if gaussian_delta(middle, mu) > delta:
            low = middle
        else:
            high = middle
    return high
