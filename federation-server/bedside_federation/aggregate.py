"""Means of accepted updates, in float64, whatever order they came in."""

from collections.abc import Mapping, Sequence

import numpy as np


def in_order(updates: Mapping[int, np.ndarray]) -> list[np.ndarray]:
    """By node id: floating-point sums depend on their order, a model must not depend on the network."""
    return [updates[node] for node in sorted(updates)]


def trimmed_mean(updates: Sequence[np.ndarray], trim: int) -> np.ndarray:
    """Mean of each coordinate without its `trim` smallest and largest values; every update has weight 1.

    Up to `trim` hostile updates cannot move a coordinate beyond the range of the honest ones (Yin et al. 2018, arXiv 1803.01498).
    Shapes: [n][d] -> [d]; n > 2 trim.
    """
    if not len(updates) > 2 * trim >= 0:
        raise ValueError(f"Trimming {trim} at each end needs more than {2 * trim} updates, found {len(updates)}.")
    if trim == 0:
        total = np.zeros_like(updates[0])
        for update in updates:
            total += update
        return total / len(updates)
    return np.sort(np.stack(updates), axis=0)[trim : len(updates) - trim].mean(axis=0)
