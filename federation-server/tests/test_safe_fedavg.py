import hashlib
import json
import time

import numpy as np
import pytest

from bedside_federation.central_noise import STEPS, CentralNoise
from bedside_federation.aggregate import in_order, trimmed_mean
from bedside_federation.expected_reply import ExpectedReply, Metric
from bedside_federation import safe_fedavg
from bedside_federation.safe_fedavg import SafeFedAvg
from bedside_federation.safe_grid import SafeGrid
from bedside_federation.server_app import instructions
from bedside_federation.task import CentralTerms, Head, TaskError, honest_norm_bound, read_task
from fake_superlink import FakeGrid
from replies import reply

DIMENSION = 16


def strategy(**change):
    settings = dict(min_nodes=3, min_replies=2, round_timeout_s=5.0, poll_s=1.0) | change
    return SafeFedAvg(ExpectedReply(DIMENSION, norm_bound=100.0, metrics=(Metric("loss", 0.0, 10.0),)), **settings)


def run(answer, rounds=2, nodes=(11, 12, 13), monkeypatch=None, **change):
    grid = FakeGrid(answer, nodes)
    subject = strategy(**change)
    monkeypatch.setattr(safe_fedavg, "SafeGrid", lambda inner, expected, poll_s: SafeGrid(inner, expected, poll_s, grid.clock, grid.sleep))
    result = subject.begin(grid, np.arange(DIMENSION, dtype=np.float32), rounds, instructions(FakeTask))
    return subject, result, grid


class FakeTask:
    file_hash, base_model, coordinates, rounds, clip_norm, noise_multiplier, update_norm_bound = "ab" * 32, "cd" * 32, DIMENSION, 2, 1.0, 4.0, 100.0


def test_the_model_is_the_float64_mean_added_round_by_round_bit_for_bit(monkeypatch):
    random = np.random.default_rng(7)
    sent = {}

    def answer(node, instruction):
        sent[instruction] = (node, random.normal(size=DIMENSION).astype(np.float32))
        return reply(sent[instruction][1], metrics={"loss": 0.5 * (node - 10)})

    subject, result, grid = run(answer, monkeypatch=monkeypatch, server_rate=0.5)
    model = np.arange(DIMENSION, dtype=np.float32)
    for part in (list(sent.values())[:3], list(sent.values())[3:]):
        updates = [update.astype(np.float64) for _, update in sorted(part, key=lambda pair: pair[0])]
        model = (model.astype(np.float64) + 0.5 * ((updates[0] + updates[1] + updates[2]) / 3)).astype(np.float32)
    assert np.array_equal(subject.model, model)
    assert np.array_equal(result.arrays["model"].numpy(), model)
    assert dict(result.train_metrics_clientapp[1]) == {"loss": 1.0}
    config = next(iter(grid.sent.values())).content["config"]
    assert config["server-round"] in (1, 2) and config["task"] == "ab" * 32 and config["norm-bound"] == 100.0


def test_the_settings_of_a_round_cannot_be_foretold(monkeypatch):
    nonces = []

    def answer(node, instruction):
        nonces.append(grid.sent[instruction].content["config"]["nonce"])
        return reply(np.ones(DIMENSION), metrics={"loss": 1.0})

    grid = FakeGrid(answer)
    monkeypatch.setattr(safe_fedavg, "SafeGrid", lambda inner, expected, poll_s: SafeGrid(inner, expected, poll_s, grid.clock, grid.sleep))
    strategy().begin(grid, np.zeros(DIMENSION, np.float32), 2, instructions(FakeTask))
    # One a round, the same for all.
    assert len(nonces) == 6 and len(set(nonces[:3])) == len(set(nonces[3:])) == 1 and len(set(nonces)) == 2
    assert all(len(nonce) == 32 for nonce in nonces)


def test_instructions_die_with_the_round(monkeypatch):
    _, _, grid = run(lambda node, _: reply(np.ones(DIMENSION), metrics={"loss": 1.0}), monkeypatch=monkeypatch)
    assert {message.metadata.ttl for message in grid.sent.values()} == {5.0}


def test_a_node_that_comes_and_goes_holds_up_no_round(monkeypatch):
    looks = []

    class Flapping(FakeGrid):
        def get_node_ids(self):
            looks.append(self.now)
            assert len(looks) < 20, "waits for a node that is gone"
            # Two are too few; then a fourth is there at one look and gone at the next.
            return [[11, 12], [11, 12], [11, 12, 13, 14], [11, 12, 13]][min(len(looks) - 1, 3)]

    grid = Flapping(lambda node, _: reply(np.ones(DIMENSION), metrics={"loss": 1.0}) if node != 14 else None)
    subject = strategy()
    monkeypatch.setattr(safe_fedavg, "SafeGrid", lambda inner, expected, poll_s: SafeGrid(inner, expected, poll_s, grid.clock, grid.sleep))
    subject.begin(grid, np.zeros(DIMENSION, np.float32), 2, instructions(FakeTask))
    assert [sorted(entry["accepted"]) for entry in subject.history] == [["11", "12", "13"]] * 2
    assert list(subject.history[0]["dropped"]) == ["14"] and subject.history[1]["dropped"] == {}
    assert looks[:3] == [0.0, 1.0, 2.0]


def test_too_few_replies_skip_the_round_and_keep_the_model(monkeypatch):
    subject, result, _ = run(lambda node, _: reply(np.ones(DIMENSION), metrics={"loss": 1.0}) if node == 11 else None, monkeypatch=monkeypatch)
    # Twice another version, so that nodes answer again: two to four units in the last place.
    first = np.arange(DIMENSION, dtype=np.float32)
    assert (subject.model > first).all() and np.allclose(subject.model, first, rtol=1e-6, atol=1e-40)
    assert 2 <= round(float(subject.model[0] / np.finfo(np.float32).smallest_subnormal)) <= 4
    assert np.array_equal(result.arrays["model"].numpy(), subject.model)
    assert [(entry["isCounted"], entry["isKept"], list(entry["accepted"])) for entry in subject.history] == [(False, False, ["11"]), (False, False, ["11"])]


def test_one_node_has_one_vote_however_many_rows_it_claims(monkeypatch):
    answers = {11: (1.0, 1), 12: (2.0, 1), 13: (6.0, 10**12)}
    subject, _, _ = run(lambda node, _: reply(np.full(DIMENSION, answers[node][0]), metrics={"loss": 1.0, "num-examples": answers[node][1]}), rounds=1, monkeypatch=monkeypatch)
    assert np.array_equal(subject.model, np.arange(DIMENSION, dtype=np.float32) + 3)


def test_a_trimmed_round_forgets_the_extremes(monkeypatch):
    sizes = {11: 1.0, 12: 2.0, 13: 3.0, 14: 4.0, 15: 20.0}
    subject, _, _ = run(lambda node, _: reply(np.full(DIMENSION, sizes[node]), metrics={"loss": 1.0}), rounds=1, nodes=tuple(sizes), monkeypatch=monkeypatch, trim=1)
    assert np.array_equal(subject.model, np.arange(DIMENSION, dtype=np.float32) + 3)
    subject, _, _ = run(lambda node, _: reply(np.ones(DIMENSION), metrics={"loss": 1.0}), rounds=1, monkeypatch=monkeypatch, trim=1)
    assert subject.history[0]["isCounted"] is False


def test_the_time_of_each_reply_is_counted_from_the_first_instruction(monkeypatch):
    # One reply at each look, a second apart: there after 0, 1 and 2 seconds.
    order = {11: 0, 12: 1, 13: 2}
    grid = FakeGrid(lambda node, _: reply(np.ones(DIMENSION), metrics={"loss": 1.0}) if grid.now >= order[node] else None, (11, 12, 13))
    subject = strategy()
    monkeypatch.setattr(safe_fedavg, "SafeGrid", lambda inner, expected, poll_s: SafeGrid(inner, expected, poll_s, grid.clock, grid.sleep))
    subject.begin(grid, np.zeros(DIMENSION, np.float32), 1, instructions(FakeTask))
    assert (subject.history[0]["seconds"], subject.history[0]["deviceSeconds"]) == (2.0, 3.0)


class FakeGate:
    def __init__(self, *verdicts):
        self.verdicts, self.judged = list(verdicts), []

    def hits(self, model):
        return np.ones(2, bool)

    def passes(self, hits):
        return bool(self.verdicts[0])

    def judge(self, model):
        self.judged.append(model)
        return {"correct": 1, "total": 2}, self.verdicts.pop(0)


def test_a_model_that_the_gate_refuses_is_rolled_back_and_the_next_round_starts_from_the_one_before(monkeypatch):
    gate = FakeGate(True, False, True)
    subject, _, grid = run(lambda node, _: reply(np.ones(DIMENSION), metrics={"loss": 1.0}), rounds=3, monkeypatch=monkeypatch, gate=gate)
    assert [(entry["isCounted"], entry["isKept"], entry["accuracy"]) for entry in subject.history] == [(True, kept, {"correct": 1, "total": 2}) for kept in (True, False, True)]
    assert [model[1] for model in gate.judged] == pytest.approx([2, 3, 3], rel=1e-6)
    # What round 3 was asked about is another version than what round 2 was.
    first, second, third = (grid.sent[f"instruction-11-{3 * index}"].content["arrays"]["model"].numpy() for index in range(3))
    assert not np.array_equal(second, third) and np.allclose(second, third, rtol=1e-6, atol=1e-40)


def test_a_model_that_is_not_finite_is_rolled_back(monkeypatch):
    subject, _, _ = run(lambda node, _: reply(np.ones(DIMENSION), metrics={"loss": 1.0}), rounds=1, monkeypatch=monkeypatch, server_rate=1e39)
    assert subject.history[0]["isKept"] is False and np.isfinite(subject.model).all()


def test_with_central_noise_the_divisor_is_the_planned_cohort_and_no_more_are_asked(monkeypatch):
    noiseless = CentralNoise(1e-12, 4, 100.0, 1e-5)
    subject, _, grid = run(lambda node, _: reply(np.full(DIMENSION, 8.0), metrics={"loss": 1.0}) if node < 13 else None, rounds=1, nodes=(11, 12, 13), monkeypatch=monkeypatch, central=noiseless)
    # 8 + 8 over 4, to half a step of the grid.
    assert np.allclose(subject.model, np.arange(DIMENSION) + 4, atol=100.0 / STEPS / 2)
    _, _, grid = run(lambda node, _: reply(np.ones(DIMENSION), metrics={"loss": 1.0}), rounds=1, nodes=tuple(range(11, 41)), monkeypatch=monkeypatch, central=noiseless)
    assert len({message.metadata.dst_node_id for message in grid.sent.values()}) == len(grid.sent) == 4


def test_nobody_is_asked_to_evaluate(monkeypatch):
    _, result, grid = run(lambda node, _: reply(np.ones(DIMENSION), metrics={"loss": 1.0}), monkeypatch=monkeypatch)
    assert {message.metadata.message_type for message in grid.sent.values()} == {"train"}
    assert len(grid.sent) == 6


CENTRAL = CentralNoise(1.0, 3, 100.0, 1e-5)


@pytest.mark.parametrize("change", [{"min_replies": 1}, {"trim": -1}, {"central": CENTRAL, "trim": 1}, {"central": CENTRAL, "min_replies": 4}])
def test_settings_that_would_give_a_node_away_are_refused(change):
    with pytest.raises(ValueError):
        strategy(**change)


@pytest.mark.parametrize("model", [np.zeros(DIMENSION), np.zeros(3, np.float32), np.full(DIMENSION, np.nan, np.float32)])
def test_a_first_model_that_cannot_be_is_refused(model):
    with pytest.raises(ValueError):
        strategy().begin(FakeGrid(lambda *_: None), model, 1, instructions(FakeTask))


def test_the_trimmed_mean_stays_among_the_honest():
    random = np.random.default_rng(3)
    honest = [random.normal(size=50) for _ in range(7)]
    for hostile in (1e300, -1e300, 0.0):
        mean = trimmed_mean([*honest, np.full(50, hostile), np.full(50, -hostile)], 2)
        assert (mean >= np.min(honest, axis=0)).all() and (mean <= np.max(honest, axis=0)).all()
    assert np.array_equal(trimmed_mean(honest, 3), np.median(honest, axis=0))
    with pytest.raises(ValueError):
        trimmed_mean(honest, 4)


def test_the_mean_does_not_depend_on_the_order_of_arrival():
    random = np.random.default_rng(4)
    updates = {node: random.normal(size=100) * 10.0 ** random.integers(-8, 8) for node in range(20)}
    backwards = dict(reversed(updates.items()))
    assert np.array_equal(trimmed_mean(in_order(updates), 0), trimmed_mean(in_order(backwards), 0))


def test_the_honest_norm_bound_lets_honest_updates_through():
    random = np.random.default_rng(5)
    clip, sigma, dimension = 1.0, 0.7, 400
    start = np.zeros(dimension)
    start[0] = clip
    norms = np.linalg.norm(start + sigma * random.normal(size=(20_000, dimension)), axis=1)
    bound = honest_norm_bound(clip, sigma, dimension)
    assert norms.max() <= bound
    # And is no wider than it must be: the largest of 20,000 draws lies about 4 of the 6 deviations of 0.7 sqrt(1/2) above the mean.
    assert norms.max() > bound - 6 * sigma


def task_file(tmp_path, **change):
    fields = dict(name="Test", baseModel="ab" * 32, coordinates=8, rounds=3, clipNorm=1, noiseMultiplier=4.0, updateNormBound=2.5) | change
    path = tmp_path / "task.json"
    path.write_text(json.dumps(fields))
    return path


def test_a_task_is_read(tmp_path):
    path = task_file(tmp_path)
    task = read_task(path)
    assert (task.coordinates, task.rounds, task.clip_norm, task.file_hash) == (8, 3, 1.0, hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_task_may_have_a_head_and_central_noise(tmp_path):
    task = read_task(task_file(tmp_path, delta=1e-5, head={"publicMean": [0.1, 0, -0.2], "biasInput": 0.3}, centralNoise={"noiseMultiplier": 2, "cohort": 50}))
    assert task.head == Head(2, (0.1, 0, -0.2), 0.3, 3)
    assert task.central == CentralTerms(2.0, 50, 1e-5)
    assert read_task(task_file(tmp_path)).central is None


CENTRAL_TERMS = {"noiseMultiplier": 2, "cohort": 50}


@pytest.mark.parametrize("change", [{"head": {"publicMean": [0.1, 0], "biasInput": 0.3}}, {"head": {"publicMean": ["x"] * 3, "biasInput": 0.3}}, {"head": []}, {"centralNoise": CENTRAL_TERMS}, {"centralNoise": CENTRAL_TERMS | {"cohort": 0}, "delta": 1e-5}, {"rounds": 0}, {"rounds": 1.5}, {"coordinates": True}, {"clipNorm": "1"}, {"noiseMultiplier": float("nan")}, {"updateNormBound": -1}, {"baseModel": "xyz"}, {"coordinates": 10**9}])
def test_a_task_that_cannot_be_is_refused(tmp_path, change):
    with pytest.raises(TaskError):
        read_task(task_file(tmp_path, **change))


def test_a_run_that_goes_on_counts_its_rounds_from_there_and_tells_of_each(monkeypatch):
    before = [{"round": 3, "isCounted": True, "isKept": True, "accepted": {}, "dropped": {}}]
    asked, begun_at = [], []

    def answer(node, instruction):
        # An answer is held to when its round began: were an instruction older, it could not be answered.
        assert grid.sent[instruction].metadata.created_at >= begun_at[-1]
        # flwr writes the next round's number into the same record, so it is read when it is sent.
        asked.append(grid.sent[instruction].content["config"]["server-round"])
        return reply(np.ones(DIMENSION), metrics={"loss": 1.0})

    grid = FakeGrid(answer, (11, 12, 13))
    subject, told = strategy(), []
    monkeypatch.setattr(safe_fedavg, "SafeGrid", lambda inner, expected, poll_s: SafeGrid(inner, expected, poll_s, grid.clock, grid.sleep))

    def tell(server_round, nodes):
        told.append((server_round, nodes, len(subject.history), float(subject.model[0])))
        begun_at.append(time.time())

    subject.on_change = tell
    subject.begin(grid, np.zeros(DIMENSION, np.float32), 2, instructions(FakeTask), before)
    assert [entry["round"] for entry in subject.history] == [3, 4, 5]
    assert set(asked) == {4, 5} and asked[0] == 4
    # Told after the model has changed, so that what is written then is of one piece.
    assert told == [(4, 3, 1, 0.0), (None, 0, 2, 1.0), (5, 3, 2, 1.0), (None, 0, 3, 2.0)]
