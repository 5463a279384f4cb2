"""Noise that the server adds to a round's sum, for an operator whom participants trust."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .accountant import gaussian_epsilon

#: Steps of the grid in one norm bound, as fine as that of the devices. The noise has at least 2^30 floating-point numbers for each of its steps.
STEPS = 2.0**20
#: Normals that are added up for one number of the noise.
PARTS = 4


@dataclass(frozen=True)
class CentralNoise:
    """The Gaussian mechanism over one round's sum.

    Guarantee: a participant is worth at most `norm_bound` in the sum, so its whole contribution against nothing is one Gaussian mechanism of
    mu = 1 / `noise_multiplier` a round. The divisor is fixed beforehand: how many answered is no part of the numbers that are released.
    """

    noise_multiplier: float
    cohort: int
    norm_bound: float
    delta: float

    def noisy_mean(self, updates: Sequence[np.ndarray]) -> np.ndarray:
        """Shapes: [n][d] -> [d], float64; n at most the cohort."""
        if not 0 < len(updates) <= self.cohort:
            raise ValueError(f"1 to {self.cohort} updates, as planned, found {len(updates)}.")
        step = self.norm_bound / STEPS
        total = np.zeros(updates[0].shape, np.int64)
        for update in updates:
            # Towards zero: no update gets longer. Whole numbers: the sum without one of them differs by exactly that one.
            total += np.trunc(update / step).astype(np.int64)
        noise = system_normals(total.size) * (self.noise_multiplier * STEPS)
        # Rounded after the noise: what comes out has no digits that only some sums could have.
        return (total + np.rint(noise).astype(np.int64)).astype(np.float64) * (step / self.cohort)

    def epsilon(self, rounds: int) -> float:
        """Of `rounds` releases together; zero-out, a participant."""
        return gaussian_epsilon(math.sqrt(rounds) / self.noise_multiplier, self.delta)


def system_normals(count: int) -> np.ndarray:
    """N(0, 1) numbers from the system's generator; numpy's own can be foretold from what it gave. Shape [count].

    Each is the sum of four, over two. Of one pair alone the radii far out lie further apart than the grid is fine, so that a number that is on
    none of them tells which sum it was not added to; a sum of four has no such gaps (Holohan and Braghin 2021, arXiv 2107.10138).
    """
    total = np.zeros(count)
    for _ in range(PARTS):
        total += box_muller(count)
    return total / math.sqrt(PARTS)


def box_muller(count: int) -> np.ndarray:
    """Box and Muller 1958, of 53-bit uniforms. Shape [count]."""
    pairs = -(-count // 2)
    words = np.frombuffer(os.urandom(16 * pairs), np.uint64) >> np.uint64(11)
    # The first in (0, 1], for the logarithm.
    first = (words[:pairs].astype(np.float64) + 1.0) * 2.0**-53
    angle = words[pairs:].astype(np.float64) * (2.0**-53 * 2.0 * math.pi)
    length = np.sqrt(-2.0 * np.log(first))
    return np.concatenate([length * np.cos(angle), length * np.sin(angle)])[:count]
