import json
import math
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from bedside_federation.expected_reply import BadReply, ExpectedReply, Metric
from replies import build, metric_record, npy, reply

DIMENSION = 64
values = np.linspace(-1, 1, DIMENSION, dtype=np.float32)
expected = ExpectedReply(DIMENSION, norm_bound=10.0, metrics=(Metric("loss", 0.0, 100.0),))
good = {"loss": 0.5}


def read(tree, form=expected):
    return form.read(tree.id, tree.contents())


def test_a_good_reply_is_read_exactly():
    update = read(reply(values, metrics=good))
    assert np.array_equal(update.values, values.astype(np.float64))
    assert update.metrics == good
    assert update.norm == pytest.approx(float(np.linalg.norm(values.astype(np.float64))), rel=1e-15)


def forged_head() -> bytes:
    """The head of an array of 373 GiB before the bytes of a small one."""
    content = npy(values)
    head = content[:128].replace(b"(64,), }    ", b"(100000000000,), }"[:12])
    return head + content[128:]


BAD = {
    "nothing under the name": reply(values, name="other", metrics=good),
    "one array more": reply(values, extra_array=True, metrics=good),
    "no array": reply(values, record_body=b"{}", metrics=good),
    "another shape": reply(values[:32], metrics=good),
    "a shape that is not the array's": reply(values, shape=[32], metrics=good),
    "a second axis": reply(values.reshape(8, 8), metrics=good),
    "another kind of number": reply(values, chunk=npy(values.astype("<f8")), metrics=good),
    "a forged .npy head": reply(values, chunk=forged_head(), metrics=good),
    "malformed JSON": reply(values, array_body=b"{not json", metrics=good),
    "deep JSON": reply(values, record_body=b"[" * 3000, metrics=good),
    "deeper JSON": reply(values, record_body=b'{"a":' * 800, metrics=good),
    "JSON too long": reply(values, record_body=b" " * 5000 + b"{}", metrics=good),
    "JSON that is no object": reply(values, record_body=b"[]", metrics=good),
    "one chunk four thousand times": reply(values, order=[0] * 4000, metrics=good),
    "one chunk twice": reply(values, order=[0, 0], metrics=good),
    "a chunk that is not there": reply(values, order=[1], metrics=good),
    "a chunk of a negative number": reply(values, order=[-1], metrics=good),
    "true for a chunk": reply(values, order=[False], metrics=good),
    "no chunk": reply(values, order=[], metrics=good),
    "NaN": reply(np.full(DIMENSION, np.nan, np.float32), metrics=good),
    "one infinity": reply(np.where(np.arange(DIMENSION) == 7, np.inf, values).astype(np.float32), metrics=good),
    "norm 1e30": reply(np.full(DIMENSION, 1e30, np.float32), metrics=good),
    "a missing metric": reply(values, metrics={}),
    "a metric of another kind": reply(values, metrics={"loss": 1}),
    "a metric that is NaN": reply(values, metrics={"loss": math.nan}),
    "a metric that is infinite": reply(values, metrics={"loss": math.inf}),
    "a malformed metric record": reply(values, metric_body=bytes([0x0A, 0x50, 1, 2])),
    "a huge metric record": reply(values, metric_body=metric_record({"loss": 0.5} | {f"m{i}": 1.0 for i in range(1000)})),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_reply_is_dropped(name):
    with pytest.raises(BadReply):
        read(BAD[name])


def test_the_forged_head_differs_where_it_should():
    assert forged_head() != npy(values) and len(forged_head()) == len(npy(values))


@pytest.mark.parametrize("loss, kept", [(-5.0, 0.0), (1e30, 100.0), (3.5, 3.5)])
def test_metrics_are_clamped_and_others_forgotten(loss, kept):
    assert read(reply(values, metrics={"loss": loss, "num-examples": 10**12, "extra": 1e308})).metrics == {"loss": kept}


def test_a_norm_at_the_bound_counts_and_above_it_not():
    vector = np.zeros(DIMENSION, np.float32)
    vector[3] = 10.0
    assert read(reply(vector, metrics=good)).norm == 10.0
    vector[3] = np.nextafter(np.float32(10.0), np.float32(11.0))
    with pytest.raises(BadReply):
        read(reply(vector, metrics=good))


def test_a_message_with_more_than_one_record_is_dropped():
    whole = reply(values, metrics=good)
    with pytest.raises(BadReply):
        read(build("Message", [whole.children[0], build("RecordDict", [], b"{}")], b""))


def test_objects_and_bytes_are_bounded_before_they_are_parsed():
    tree = reply(values, metrics=good)
    with pytest.raises(BadReply, match="objects"):
        expected.read(tree.id, tree.contents() | {str(i): b"" for i in range(5)})
    with pytest.raises(BadReply, match="bytes"):
        expected.read(tree.id, dict(list(tree.contents().items())[:5]) | {"x": bytes(expected.max_bytes)})


def test_a_missing_object_is_a_bad_reply():
    tree = reply(values, metrics=good)
    for missing in tree.contents():
        with pytest.raises(BadReply):
            expected.read(tree.id, {key: content for key, content in tree.contents().items() if key != missing})


def test_a_memory_bomb_is_dropped_without_being_joined():
    form = ExpectedReply(1_000_000, norm_bound=1e9)
    bomb = reply(np.zeros(4), chunk=bytes(1 << 20), shape=[1_000_000], order=[0] * form.max_objects)
    tracemalloc.start()
    with pytest.raises(BadReply, match="length"):
        read(bomb, form)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # One copy of the chunk (partition) for each mention at most; joined it would be as much again.
    assert peak < (form.max_objects + 1) * (1 << 20)


def test_random_damage_never_raises_anything_else():
    random = np.random.default_rng(1)
    tree = reply(values, metrics=good)
    contents = tree.contents()
    keys = list(contents)
    started = time.monotonic()
    for _ in range(3000):
        key = keys[random.integers(len(keys))]
        damaged = bytearray(contents[key])
        for _ in range(random.integers(1, 5)):
            damaged[random.integers(len(damaged))] = random.integers(256)
        try:
            update = expected.read(tree.id, contents | {key: bytes(damaged)})
            assert np.isfinite(update.values).all() and update.norm <= 10.0
        except BadReply:
            pass
    assert time.monotonic() - started < 60


def test_a_recorded_reply_of_flwr_is_read():
    golden = json.loads((Path(__file__).parents[2] / "src" / "fixtures" / "goldens" / "flower-wire.json").read_text())
    recorded = golden["objects"]["reply"]
    contents = {item["id"]: bytes.fromhex(item["content_hex"]) for item in recorded["post_order"]}
    form = ExpectedReply(8, norm_bound=1e21, metrics=(Metric("loss", 0.0, 100.0),))
    update = form.read(recorded["message_id"], contents)
    assert np.array_equal(update.values, np.frombuffer(bytes.fromhex(golden["values"]["delta_f32_hex"]), "<f4").astype(np.float64))
    assert update.metrics == {"loss": golden["values"]["metrics"]["loss"]}
