import httpx
import numpy as np
import pytest
from flwr.supercore.inflatable.inflatable_utils import ObjectPushError
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from bedside_federation.expected_reply import ExpectedReply
from bedside_federation.safe_grid import SafeGrid, printable
from fake_superlink import FakeGrid
from replies import Tree, build, reply
from test_expected_reply import BAD, DIMENSION

ones = np.ones(DIMENSION, np.float32)
HONEST = {11: ones, 12: 2 * ones / 2}
TIMEOUT = 12.0


def round_with(hostile, **more):
    """Two honest nodes and node 13, which answers what `hostile` says."""
    grid = FakeGrid(lambda node, instruction: reply(HONEST[node]) if node in HONEST else hostile(instruction), **more)
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    messages = [Message(RecordDict({"arrays": ArrayRecord(), "config": ConfigRecord()}), dst_node_id=node, message_type="train") for node in grid.nodes]
    # Nothing of a node becomes a flwr message.
    assert safe.send_and_receive(messages, timeout=TIMEOUT) == []
    return grid, safe


def test_honest_replies_are_all_counted_at_once():
    grid, safe = round_with(lambda _: reply(ones))
    assert sorted(safe.accepted) == [11, 12, 13] and not safe.dropped
    assert grid.now == 0.0
    assert len(grid.freed) == 3


#: Replies that are bad whatever metrics are asked for; those about metrics are in test_expected_reply.
FORMS = {name: tree for name, tree in BAD.items() if "metric" not in name}


@pytest.mark.parametrize("name", FORMS)
def test_one_bad_reply_is_dropped_and_delays_nobody(name):
    grid, safe = round_with(lambda _: FORMS[name])
    assert sorted(safe.accepted) == [11, 12] and list(safe.dropped) == [13]
    assert grid.now == 0.0
    assert len(grid.freed) == 3


def test_more_than_one_hostile_node_at_once():
    trees = iter(FORMS.values())
    nodes = [11, 12, *range(100, 100 + len(FORMS))]
    by_node = {node: next(trees) for node in nodes[2:]}
    grid = FakeGrid(lambda node, _: reply(HONEST[node]) if node in HONEST else by_node[node], nodes)
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in nodes], timeout=TIMEOUT)
    assert sorted(safe.accepted) == [11, 12] and sorted(safe.dropped) == nodes[2:]
    assert grid.now == 0.0


def test_silence_ends_the_round_at_the_timeout():
    grid, safe = round_with(lambda _: None)
    assert sorted(safe.accepted) == [11, 12] and safe.dropped == {13: "no complete reply in time"}
    assert grid.now == pytest.approx(TIMEOUT, abs=0.1)


def test_one_that_is_silent_is_waited_for_a_minute_and_not_for_the_whole_timeout():
    grid = FakeGrid(lambda node, _: reply(HONEST[node]) if node in HONEST else None)
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.nodes], timeout=600.0)
    assert sorted(safe.accepted) == [11, 12] and safe.dropped == {13: "no complete reply in time"}
    assert grid.now == pytest.approx(60, abs=1.1)


def test_slow_rounds_wait_as_long_again_for_the_last():
    grid = FakeGrid(lambda node, _: reply(ones) if grid.now >= {11: 5, 12: 100, 13: 150}[node] else None)
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    messages = [Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.nodes]
    safe.send_and_receive(messages, timeout=600.0)
    assert sorted(safe.accepted) == [11, 12, 13] and grid.now < 152
    # Fewer than two thirds: the whole timeout.
    grid = FakeGrid(lambda node, _: reply(ones) if node == 11 else None)
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    safe.send_and_receive(messages, timeout=600.0)
    assert grid.now == pytest.approx(600, abs=1.1)


def test_announced_objects_that_never_come_end_the_round_at_the_timeout_and_are_freed():
    tree = reply(3 * ones)
    grid = None

    def hostile(_):
        grid_box[0].uploading.add(tree.children[0].id)
        return tree

    grid_box = [None]
    grid = FakeGrid(lambda node, instruction: reply(HONEST[node]) if node in HONEST else hostile(instruction))
    grid_box[0] = grid
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.nodes], timeout=TIMEOUT)
    assert sorted(safe.accepted) == [11, 12] and list(safe.dropped) == [13]
    assert grid.now == pytest.approx(TIMEOUT, abs=0.1)
    assert tree.id in grid.freed
    # Asked for once a poll, not in a loop.
    assert grid.pulls < 60


def test_objects_that_come_late_are_counted():
    tree = reply(3 * ones)
    grid = FakeGrid(lambda node, _: reply(HONEST[node]) if node in HONEST else tree)
    grid.uploading.add(tree.id)
    sleep = grid.sleep

    def later(seconds):
        sleep(seconds)
        if grid.now > 3:
            grid.uploading.clear()

    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=100.0), 1.0, grid.clock, later)
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.nodes], timeout=TIMEOUT)
    assert sorted(safe.accepted) == [11, 12, 13] and 3 < grid.now < 6


def test_what_a_node_writes_about_itself_inside_is_not_believed():
    # Metadata inside the Message object that names node 11 as sender and another instruction.
    _, safe = round_with(lambda _: reply(3 * ones / 3, message_body=bytes([0x0A, 2, 0x18, 11])))
    assert sorted(safe.accepted) == [11, 12, 13]


def test_a_huge_weight_counts_as_one_vote():
    _, safe = round_with(lambda _: reply(ones, metrics={"num-examples": 10**12}))
    assert safe.accepted[13].metrics == {}


def test_an_error_reply_is_dropped_and_cannot_forge_a_line_of_the_log():
    _, safe = round_with(lambda _: "no\n2026 INFO all is well" + "x" * 5000)
    assert "\n" not in safe.dropped[13] and len(safe.dropped[13]) < 200
    assert printable("a\x1b[31m\r\nb") == "a?[31m??b"


def test_a_second_reply_to_one_instruction_is_ignored():
    grid = FakeGrid(lambda node, _: reply(ones))
    grid.extra = [reply(5 * ones / 5 * 0.5)]
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=100.0), 1.0, grid.clock, grid.sleep)
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.nodes], timeout=TIMEOUT)
    assert all(np.array_equal(update.values, ones) for update in safe.accepted.values()) and len(safe.accepted) == 3


def test_a_tree_without_end_is_dropped_before_an_object_is_pulled():
    leaf = Tree("ab" * 32, b"")
    wide = Tree("cd" * 32, b"", [leaf] * 100_000)
    grid, safe = round_with(lambda _: wide)
    assert list(safe.dropped) == [13] and grid.pulls == 12
    many = Tree("cd" * 32, b"", [Tree(f"{i:064x}", b"") for i in range(50)])
    assert list(round_with(lambda _: many)[1].dropped) == [13]


def test_too_many_bytes_stop_the_pulling():
    chunk = build("ArrayChunk", [], bytes(1_000_000))
    more = build("ArrayChunk", [], bytes(1_000_001))
    grid, safe = round_with(lambda _: build("Message", [chunk, more], b""))
    assert safe.dropped == {13: "too many bytes"}


def test_an_object_that_is_gone_is_a_drop():
    tree = reply(ones)
    grid = FakeGrid(lambda node, _: Tree(tree.id, tree.content, [Tree("ff" * 32, b"")]) if node == 13 else reply(HONEST[node]))
    original = grid.PullObject

    def without(request):
        grid.objects.pop("ff" * 32, None)
        return original(request)

    grid.PullObject = without
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.nodes], timeout=TIMEOUT)
    assert safe.dropped == {13: "an object that is gone"}


def failing(call, times):
    """A call that the SuperLink answers with status 500 so many times."""
    left = [times]

    def attempt(*request):
        if left[0] > 0:
            left[0] -= 1
            raise httpx.HTTPStatusError("500", request=httpx.Request("POST", "http://127.0.0.1"), response=httpx.Response(500))
        return call(*request)

    return attempt


@pytest.mark.parametrize("name", ["PullMessages", "PullObject", "ConfirmMessageReceived", "get_node_ids", "push_messages"])
def test_a_superlink_that_fails_for_a_while_is_asked_again(name):
    grid = FakeGrid(lambda *_: reply(ones))
    setattr(grid, name, failing(getattr(grid, name), 4))
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    nodes = safe.get_node_ids()
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in nodes], timeout=TIMEOUT)
    assert sorted(safe.accepted) == [11, 12, 13]


def test_a_reply_that_the_superlink_cannot_give_out_costs_nobody_else_the_round():
    grid = FakeGrid(lambda node, _: reply(HONEST.get(node, ones)))
    pull = grid.PullMessages

    def breaking(request):
        # As SQLite does on a ttl that is no number.
        if any(grid.sent[instruction].metadata.dst_node_id == 13 for instruction in request.message_ids):
            raise httpx.HTTPStatusError("500", request=httpx.Request("POST", "http://127.0.0.1"), response=httpx.Response(500))
        return pull(request)

    grid.PullMessages = breaking
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.nodes], timeout=TIMEOUT)
    assert sorted(safe.accepted) == [11, 12] and safe.dropped == {13: "no complete reply in time"}
    assert max(safe.seconds.values()) < TIMEOUT / 2


def test_a_superlink_that_never_answers_ends_the_round_at_the_timeout():
    grid = FakeGrid(lambda *_: reply(ones))
    grid.PullMessages = failing(grid.PullMessages, 10**9)
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.nodes], timeout=TIMEOUT)
    assert not safe.accepted and sorted(safe.dropped) == [11, 12, 13] and grid.now == pytest.approx(TIMEOUT, abs=0.1)
    grid.get_node_ids = failing(grid.get_node_ids, 10**9)
    with pytest.raises(httpx.HTTPError):
        safe.get_node_ids()


def test_an_upload_whose_session_was_replaced_is_tried_again():
    grid = FakeGrid(lambda *_: reply(ones))
    push, failures = grid.push_messages, [ObjectPushError("aa", 5, "old")]

    def interrupted(messages):
        if failures:
            raise failures.pop()
        return push(messages)

    grid.push_messages = interrupted
    safe = SafeGrid(grid, ExpectedReply(DIMENSION, norm_bound=10.0), 1.0, grid.clock, grid.sleep)
    safe.send_and_receive([Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.nodes], timeout=TIMEOUT)
    assert sorted(safe.accepted) == [11, 12, 13]
