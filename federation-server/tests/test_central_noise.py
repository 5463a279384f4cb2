import math

import numpy as np
import pytest

from bedside_federation import central_noise
from bedside_federation.central_noise import STEPS, CentralNoise, system_normals


def test_the_normals_have_the_moments_and_the_tail_of_normals():
    count = 400_001
    drawn = system_normals(count)
    assert drawn.shape == (count,) and np.isfinite(drawn).all()
    # Standard errors of 400,000: 0.0016 for the mean, 0.0022 for the variance, 0.0077 for the fourth moment; five of each.
    assert abs(drawn.mean()) < 0.008 and abs(drawn.var() - 1) < 0.012 and abs((drawn**4).mean() - 3) < 0.08
    # Kolmogorov and Smirnov: above 2.2 / sqrt(n) once in ten thousand times.
    cdf = 0.5 * (1 + np.vectorize(math.erf)(np.sort(drawn) / math.sqrt(2)))
    assert np.abs(cdf - np.arange(1, count + 1) / count).max() < 2.2 / math.sqrt(count)
    # Cosine and sine of one pair know nothing of each other.
    half = count // 2
    assert abs(np.corrcoef(drawn[:half], drawn[half + 1 : 2 * half + 1])[0, 1]) < 5 / math.sqrt(half)


def test_what_lies_far_out_is_on_no_radius_that_could_be_listed(monkeypatch):
    # The smallest uniforms have radii that are 2^28 steps of a grid of 2^32 apart: a pair that is made of one of them alone lies on one of four.
    random, pairs = np.random.default_rng(5), 1000
    angles = random.integers(0, 2**64, pairs, np.uint64)
    far_out = np.concatenate([random.integers(0, 4, pairs, np.uint64) << np.uint64(11), angles])

    def radii(draw, others):
        drawn = iter([far_out, *others])
        monkeypatch.setattr(central_noise.os, "urandom", lambda size: next(drawn).tobytes())
        x, y = draw(2 * pairs).reshape(2, pairs)
        return len(np.unique(np.rint(np.hypot(x, y) * STEPS)))

    # To a step of the grid, a radius is one of four, or its neighbour where the float64 of another angle is rounded otherwise.
    assert radii(central_noise.box_muller, []) <= 8
    others = [random.integers(0, 2**64, 2 * pairs, np.uint64) for _ in range(3)]
    # Of a thousand radii over some 2^21 steps, half a pair is expected to be the same by chance.
    assert radii(system_normals, others) > 990


def test_the_noise_is_of_the_bound_in_the_sum_whatever_the_updates_are():
    mechanism = CentralNoise(noise_multiplier=2.0, cohort=8, norm_bound=5.0, delta=1e-5)
    for updates in ([np.zeros(100_000)] * 3, [np.full(100_000, 0.01)] * 8):
        noise = mechanism.noisy_mean(updates) - np.sum(updates, axis=0) / 8
        # Deviation 2 x 5 / 8, to five standard errors of 100,000 numbers: 2/3 and 3/2 of it lie 70 beyond.
        assert noise.std() == pytest.approx(1.25, rel=5 / math.sqrt(200_000))
        assert abs(noise.mean()) < 5 * 1.25 / math.sqrt(100_000)


def test_it_is_drawn_anew_each_time():
    mechanism = CentralNoise(1.0, 2, 1.0, 1e-5)
    assert not np.array_equal(mechanism.noisy_mean([np.zeros(8)]), mechanism.noisy_mean([np.zeros(8)]))


def test_the_sum_is_exact_in_any_order_and_no_update_gets_longer_on_the_grid(monkeypatch):
    monkeypatch.setattr(central_noise, "system_normals", lambda count: np.zeros(count))
    random = np.random.default_rng(3)
    updates = [random.normal(size=64) for _ in range(7)]
    updates = [update / np.linalg.norm(update) * 3.0 for update in updates]
    mechanism = CentralNoise(1.0, 7, 3.0, 1e-5)
    assert np.array_equal(mechanism.noisy_mean(updates), mechanism.noisy_mean(updates[::-1]))
    # A step of the grid, for each of seven.
    assert np.abs(mechanism.noisy_mean(updates) - np.mean(updates, axis=0)).max() <= 3.0 / STEPS
    for update in updates:
        assert np.linalg.norm(7 * mechanism.noisy_mean([update])) <= 3.0 * (1 + 1e-15)


def test_more_than_were_planned_are_refused():
    with pytest.raises(ValueError):
        CentralNoise(1.0, 2, 1.0, 1e-5).noisy_mean([np.zeros(2)] * 3)
