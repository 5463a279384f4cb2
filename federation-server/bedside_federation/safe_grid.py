"""A grid whose `send_and_receive` no reply can break, delay or inflate.

flwr's `HttpGrid.pull_messages` builds objects from a node's bytes, raises where they are malformed, waits up to two hours for objects that
were announced and never come, and believes what the node wrote about itself inside them. This one asks the SuperLink for objects one at a
time without waiting, reads them with ExpectedReply, and takes sender and instruction from the SuperLink's own tables.
`_runtime_client` is private to flwr: hence the exact version in pyproject.toml and the tests against a real SuperLink.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from logging import WARNING
from typing import TypeVar

import httpx
from flwr.app import Message
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest, PullObjectRequest
from flwr.proto.runtime_pb2 import PullAppMessagesRequest, PullAppMessagesResponse
from flwr.serverapp import Grid
from flwr.supercore import log
from flwr.supercore.inflatable.inflatable_utils import ObjectPushError

from .expected_reply import BadReply, ExpectedReply, Update, require


#: Tries of a question of the ServerApp's own; replies are asked for until the deadline.
PATIENCE = 8
#: Failed questions for all replies, one after the other. A SuperLink that is merely busy is not asked more for it.
FAILURES_BEFORE_ONE_BY_ONE = 3
#: Once so many of those asked have been accepted, the others have as long again, and a minute at least: one laptop that is shut holds nobody up for the whole timeout.
MOST_ANSWERED = 2 / 3
LEAST_WAIT_S = 60.0
Answer = TypeVar("Answer")


@dataclass
class Arriving:
    """A reply whose objects are being fetched."""

    root: str
    ids: list[str]
    contents: dict[str, bytes] = field(default_factory=dict)
    size: int = 0


class SafeGrid(Grid):
    """Wraps the real grid. After `send_and_receive`, `accepted` holds the updates by node id and `dropped` the reasons."""

    def __init__(self, grid: Grid, expected: ExpectedReply, poll_s: float = 1.0, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self._grid, self._expected, self._poll_s, self._clock, self._sleep = grid, expected, poll_s, clock, sleep
        self.accepted: dict[int, Update] = {}
        self.dropped: dict[int, str] = {}
        self._failures = 0
        #: From the first instruction to the whole reply of a node that was accepted.
        self.seconds: dict[int, float] = {}

    def set_run(self, run) -> None:  # noqa: ANN001
        self._grid.set_run(run)

    @property
    def run(self):  # noqa: ANN201
        return self._grid.run

    def create_message(self, *args, **kwargs) -> Message:
        return self._grid.create_message(*args, **kwargs)

    def get_node_ids(self) -> Iterable[int]:
        return self._patiently(self._grid.get_node_ids)

    def get_nodes(self):  # noqa: ANN201
        return self._patiently(self._grid.get_nodes)

    def pause(self) -> None:
        self._sleep(self._poll_s)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        return self._grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        raise NotImplementedError("Replies are read by send_and_receive alone.")

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Send each message and read the replies until all are in or the deadline, which is hard, and comes earlier once most are in.

        Returns no messages: nothing that a node sent becomes one. The updates are in `accepted`.
        """
        self.accepted, self.dropped, self.seconds = {}, {}, {}
        sent = list(messages)
        if not sent:
            return []
        if timeout is None:
            raise ValueError("A round needs a timeout.")
        begun = self._clock()
        deadline = begun + timeout
        is_hurried = False
        # The same messages have the same ids: those that a failed try did store are not stored twice.
        ids = list(self._patiently(lambda: self._grid.push_messages(sent)))
        waiting = {message_id: message for message_id, message in zip(ids, sent) if message_id}
        arriving: dict[str, Arriving] = {}
        while waiting and self._clock() < deadline:
            self._look(waiting, arriving, deadline)
            for instruction in list(arriving):
                if self._clock() >= deadline:
                    break
                update = self._fetch(instruction, waiting, arriving)
                if update is not None:
                    message = waiting.pop(instruction)
                    self._free(arriving.pop(instruction).root)
                    # The node that the instruction went to, whatever the reply says of itself.
                    self.accepted[message.metadata.dst_node_id] = update
                    self.seconds[message.metadata.dst_node_id] = self._clock() - begun
            if not is_hurried and len(self.accepted) >= MOST_ANSWERED * len(sent):
                is_hurried, deadline = True, min(deadline, max(self._clock() + (self._clock() - begun), begun + LEAST_WAIT_S))
            if waiting:
                self._sleep(max(0.0, min(self._poll_s, deadline - self._clock())))
        for instruction in list(waiting):
            self._drop(instruction, "no complete reply in time", waiting, arriving)
        return []

    def _look(self, waiting: dict[str, Message], arriving: dict[str, Arriving], deadline: float) -> None:
        """Ask for replies to what has none yet."""
        ask = [instruction for instruction in waiting if instruction not in arriving]
        if not ask:
            return
        answer = self._answers_to(ask)
        # A reply that the SuperLink took and cannot give out fails the whole question, every time: then each is asked for alone.
        self._failures = self._failures + 1 if answer is None else 0
        if answer is not None:
            self._take(answer, waiting, arriving)
        elif self._failures % FAILURES_BEFORE_ONE_BY_ONE == 0:
            for instruction in ask:
                if self._clock() >= deadline:
                    return
                answer = self._answers_to([instruction])
                if answer is not None:
                    self._take(answer, waiting, arriving)

    def _answers_to(self, instructions: list[str]) -> PullAppMessagesResponse | None:
        return self._attempt(lambda: self._grid._runtime_client.PullMessages(PullAppMessagesRequest(message_ids=instructions)))

    def _take(self, answer: PullAppMessagesResponse, waiting: dict[str, Message], arriving: dict[str, Arriving]) -> None:
        for message, tree in zip(answer.messages_list, answer.message_object_trees):
            # From the SuperLink's tables, not from the node's object.
            instruction = message.metadata.reply_to_message_id
            if instruction not in waiting or instruction in arriving:
                continue
            ids = ids_of_tree(tree, self._expected.max_objects)
            arriving[instruction] = Arriving(message.metadata.message_id, ids or [])
            if message.HasField("error"):
                self._drop(instruction, f"error reply: {printable(message.error.reason)}", waiting, arriving)
            elif ids is None:
                self._drop(instruction, "too many objects", waiting, arriving)
            elif message.metadata.message_id not in ids:
                self._drop(instruction, "another tree", waiting, arriving)

    def _fetch(self, instruction: str, waiting: dict[str, Message], arriving: dict[str, Arriving]) -> Update | None:
        """Fetch what has been uploaded so far; the update once all is there, None while it is not or was dropped."""
        reply = arriving[instruction]
        try:
            for object_id in reply.ids:
                if object_id in reply.contents:
                    continue
                request = PullObjectRequest(node=self._grid.node, run_id=self._grid.run.run_id, object_id=object_id)
                answer = self._attempt(lambda request=request: self._grid._runtime_client.PullObject(request))
                if answer is None:
                    return None
                require(answer.object_found, "an object that is gone")
                if not answer.object_available:
                    return None
                reply.contents[object_id] = answer.object_content
                reply.size += len(answer.object_content)
                require(reply.size <= self._expected.max_bytes, "too many bytes")
            return self._expected.read(reply.root, reply.contents)
        except BadReply as why:
            self._drop(instruction, str(why), waiting, arriving)
            return None

    def _drop(self, instruction: str, why: str, waiting: dict[str, Message], arriving: dict[str, Arriving]) -> None:
        node = waiting.pop(instruction).metadata.dst_node_id
        self.dropped[node] = why
        log(WARNING, "Dropped the reply of node %s: %s", node, why)
        reply = arriving.pop(instruction, None)
        if reply is not None:
            self._free(reply.root)

    def _free(self, root: str) -> None:
        """Let the SuperLink forget the objects of a reply."""
        request = ConfirmMessageReceivedRequest(node=self._grid.node, run_id=self._grid.run.run_id, message_object_id=root)
        self._attempt(lambda: self._grid._runtime_client.ConfirmMessageReceived(request))

    def _attempt(self, call: Callable[[], Answer]) -> Answer | None:
        """None where the SuperLink failed to answer: with a database it does so when many nodes write at once, and a run must not end of that."""
        try:
            return call()
        except httpx.HTTPError as error:
            log(WARNING, "The SuperLink did not answer (%s); asking again", type(error).__name__)
            return None

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        for _ in range(PATIENCE - 1):
            try:
                return call()
            # The second: objects of a try that the SuperLink took in part, whose session another try has replaced.
            except (httpx.HTTPError, ObjectPushError):
                self._sleep(self._poll_s)
        return call()


def ids_of_tree(tree, most: int) -> list[str] | None:  # noqa: ANN001
    """The ids of a tree, each once; None where there are more than `most` or where it names things more often than any honest one."""
    ids: dict[str, None] = {}
    stack, visits = [tree], 0
    while stack:
        branch = stack.pop()
        visits += 1
        ids[branch.object_id] = None
        if len(ids) > most or visits > 4 * most:
            return None
        stack.extend(branch.children)
    return list(ids)


def printable(text: str) -> str:
    """What a node wrote, cut short and free of control characters, so that it cannot forge lines of a log."""
    return "".join(character if character.isprintable() else "?" for character in text[:120])
