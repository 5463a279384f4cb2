import numpy as np
import pytest

from bedside_federation.evaluation import Gate, is_worse, prepare, score
from bedside_federation.task import Head

HEAD = Head(classes=2, public_mean=(1.0, 0.0), bias_input=0.5, inputs=2)


def test_notes_are_prepared_and_scored_as_a_node_does_it():
    # Less the mean: (2, 0), (0, -3), (0, 0); of unit length: (1, 0), (0, -1), and nothing, which has no direction.
    notes = prepare(np.array([[3, 0], [1, -3], [1, 0]], np.float32), np.array([0, 1, 1], np.float32), HEAD)
    assert np.array_equal(notes.inputs, [[1, 0, 0.5], [0, -1, 0.5], [0, 0, 0.5]])
    # Logits (2, 1), (0, 1), (0, 1).
    assert notes.hits(np.array([2, 0, 0, 0, 0, 2], np.float32)).tolist() == [True, True, True]
    # Bias the other way; equal logits are the first label's.
    assert notes.hits(np.array([2, 0, 4, 0, 0, 2], np.float32)).tolist() == [True, False, False]
    assert notes.hits(np.zeros(6, np.float32)).tolist() == [True, False, False]


def test_a_map_comes_after_the_centring_and_before_the_bias():
    head = Head(classes=2, public_mean=(1.0, 0.0), bias_input=0.5, inputs=1)
    features, labels = np.array([[3, 0], [1, -3]], np.float32), np.array([0, 1], np.float32)
    notes = prepare(features, labels, head, np.array([[0.6, 0.8]], np.float32))
    # Of (1, 0) and (0, -1), in float32's digits.
    assert np.allclose(notes.inputs, [[0.6, 0.5], [-0.8, 0.5]], atol=1e-7, rtol=0)
    assert notes.hits(np.array([1, 0, -1, 0], np.float32)).tolist() == [True, True]
    for projection in (None, np.eye(2, dtype=np.float32), np.ones((1, 3), np.float32)):
        with pytest.raises(ValueError, match="map must be"):
            prepare(features, labels, head, projection)
    with pytest.raises(ValueError, match="map must be"):
        prepare(features, labels, HEAD, np.array([[0.6, 0.8]], np.float32))


@pytest.mark.parametrize("features, labels", [(np.zeros((2, 3)), np.zeros(2)), (np.zeros((2, 2)), np.zeros(3)), (np.zeros((0, 2)), np.zeros(0)), (np.full((1, 2), np.nan), np.zeros(1)), (np.zeros((1, 2)), np.full(1, 2.0)), (np.zeros((1, 2)), np.full(1, 0.5))])
def test_notes_that_do_not_fit_are_refused(features, labels):
    with pytest.raises(ValueError):
        prepare(features, labels, HEAD)


def hits(total, *wrong):
    found = np.ones(total, bool)
    found[list(wrong)] = False
    return found


def test_worse_is_what_two_standard_errors_say():
    before = hits(100)
    # b lost, none won: b > 2 sqrt(b - b^2 / 100), which is b > 4 - b / 25.
    assert [lost for lost in range(10) if is_worse(hits(100, *range(lost)), before)] == [4, 5, 6, 7, 8, 9]
    # The same loss among many changes says less: 10 lost and 6 won.
    assert not is_worse(hits(100, *range(10)), hits(100, *range(10, 16)))
    assert not is_worse(before, before) and not is_worse(before, hits(100, 1, 2, 3, 4, 5, 6, 7, 8))


def test_a_model_that_is_as_good_is_seldom_refused():
    random = np.random.default_rng(9)
    refused = sum(is_worse(random.random(400) < 0.8, random.random(400) < 0.8) for _ in range(4000)) / 4000
    # P(N > 2) = 0.0228, whole numbers a little less; 5 standard errors of 4,000 are 0.012.
    assert 0.008 < refused < 0.035


class Scripted:
    """Notes that know beforehand what each model hits, by its first number."""

    def __init__(self, *by_model):
        self.by_model = by_model

    def hits(self, model):
        return self.by_model[int(model[0])]


def test_a_little_worse_each_round_does_not_pass_for_ever():
    # Each is worse than the one before by 3 notes of 100, which is within the margin; than the first by 3, 6, 9.
    notes = Scripted(*(hits(100, *range(3 * index)) for index in range(4)))
    gate = Gate(notes, [np.array([0.0])])
    assert [gate.judge(np.array([float(index)]))[1] for index in (1, 2, 3)] == [True, False, False]
    # Where a run goes on, the best of what was released counts, not the last.
    assert Gate(notes, [np.array([0.0]), np.array([1.0])]).judge(np.array([2.0])) == ({"correct": 94, "total": 100}, False)


def test_the_best_rises_with_what_is_kept():
    notes = Scripted(hits(100, *range(30)), hits(100, *range(10)), hits(100, *range(20)))
    gate = Gate(notes, [np.array([0.0])])
    assert gate.judge(np.array([1.0])) == ({"correct": 90, "total": 100}, True)
    assert gate.judge(np.array([2.0])) == ({"correct": 80, "total": 100}, False)
    assert score(hits(4, 0)) == {"correct": 3, "total": 4}
