"""Updates that spoil a round are left out, one after the other, as the public notes tell.

A node may send any vector within the norm bound, in every round. Most of an update is noise, so one that is as long as an honest one, and points the
other way, has no number that is out of the ordinary: trimming bounds what it does, and does not find it. What tells it apart is the score without it.

Which updates are left out follows from updates that were noised before they came, and from public notes: no node's own promise gets weaker. Under
central noise nothing is left out: each try would be one more release of the server.
"""

from collections.abc import Callable, Mapping

import numpy as np

from .aggregate import in_order
from .evaluation import Gate, is_worse

#: Of the updates that came, the share that may be left out, however many came: a fixed number would let as many and one more lie in a large round.
LARGEST_SHARE = 1 / 3
#: Beyond so many nobody is tried without, for each try scores the public notes: one liar of so many moves the mean too little to be found by its score.
LARGEST_ROUND = 200
#: Standard errors by which a model that passes the gate must be better without an update. Beyond the gate's two, because every update of a round is tried.
MARGIN = 3.0


def without_the_worst(
    updates: Mapping[int, np.ndarray],
    model_of: Callable[[Mapping[int, np.ndarray]], np.ndarray],
    gate: Gate,
    fewest: int,
    model_of_mean: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[np.ndarray, list[int]]:
    """The model of the updates that count, and who was left out.

    The node goes without whose update the most public notes are labelled right (the lowest id of equals), as long as the model would not pass the gate, or is
    clearly worse than without it. At least `fewest` stay. Where no leaving out makes it pass, nobody is left out.

    `model_of_mean`: where a model follows from the plain mean alone, that it is `model_of`; then a try without an update is scored by the sum less that
    update, n sums of n fewer. The model that is given back is `model_of`'s, whose sum is in order.
    """
    def without(left: dict[int, np.ndarray]) -> Callable[[int], np.ndarray]:
        if model_of_mean is None:
            return lambda node: model_of({other: update for other, update in left.items() if other != node})
        # All are within the norm bound: none is so large that the others are lost in the sum.
        total = np.sum(in_order(left), axis=0)
        return lambda node: model_of_mean((total - left[node]) / (len(left) - 1))

    def hits_of(model: np.ndarray) -> np.ndarray:
        # None of a model that is not finite.
        return gate.hits(model) & bool(np.isfinite(model).all())

    everybody = model_of(updates)
    left, model, out = dict(updates), everybody, []
    most = min(int(LARGEST_SHARE * len(updates)), len(updates) - fewest) if len(updates) <= LARGEST_ROUND else 0
    while True:
        hits = hits_of(model)
        passes = gate.passes(hits) and bool(np.isfinite(model).all())
        if len(out) >= most:
            break
        worst, better_hits, model_without = None, hits, without(left)
        for node in sorted(left):
            tried_hits = hits_of(model_without(node))
            if worst is None or tried_hits.sum() > better_hits.sum():
                worst, better_hits = node, tried_hits
        if passes and not is_worse(hits, better_hits, MARGIN):
            break
        out.append(worst)
        del left[worst]
        model = model_of(left)
    return (model, out) if passes else (everybody, [])
