"""FedAvg for nodes that nobody vouches for: model += rate * (trimmed) mean of updates, one vote a node."""

import random
import secrets
from collections.abc import Callable, Iterable
from logging import INFO, WARNING

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg, Result
from flwr.supercore import log

from .aggregate import in_order, trimmed_mean
from .central_noise import CentralNoise
from .evaluation import Gate
from .exclusion import without_the_worst
from .expected_reply import ExpectedReply
from .journal import another_version
from .safe_grid import SafeGrid

MODEL = "model"
#: Updates from which one is trimmed at each end where nothing else is asked for and no gate finds out who lies.
FEWEST_TO_TRIM = 5
#: Why an update that was taken does not count.
LEFT_OUT = "left out: the model is worse with it on the public notes"


class SafeFedAvg(FedAvg):
    """Sends the model to every node that is online, counts what ExpectedReply lets through, each with weight 1.

    `trim` values are dropped at each end of every coordinate; None: one from FEWEST_TO_TRIM updates on, where there is neither a gate nor central noise.
    A round with fewer than `min_replies` updates, beside those that a given `trim` drops, is skipped. With a `gate`, updates that spoil the model are left
    out (`without_the_worst`; not under central noise), and a model that is worse all the same is rolled back: the model stays, as another version. With
    `central` noise at most its cohort is asked. Nodes are not asked to evaluate.
    """

    def __init__(
        self,
        expected: ExpectedReply,
        *,
        min_nodes: int,
        min_replies: int,
        trim: int | None = None,
        server_rate: float = 1.0,
        round_timeout_s: float,
        poll_s: float = 1.0,
        central: CentralNoise | None = None,
        gate: Gate | None = None,
    ) -> None:
        if min_replies < 2:
            raise ValueError(f"At least 2 replies must count, found {min_replies}: a mean of one is that node's own update.")
        if trim is not None and trim < 0:
            raise ValueError(f"trim must be 0 or more, found {trim}.")
        if central is not None and ((trim or 0) > 0 or min_replies > central.cohort):
            raise ValueError(f"With central noise trim must be 0 and min_replies at most the cohort of {central.cohort}, found {trim or 0} and {min_replies}.")
        super().__init__(fraction_train=1.0, fraction_evaluate=0.0, min_train_nodes=min_nodes, min_evaluate_nodes=0, min_available_nodes=min_nodes)
        self.expected, self.min_replies, self.trim, self.server_rate = expected, min_replies, trim, server_rate
        self.round_timeout_s, self.poll_s, self.central, self.gate = round_timeout_s, poll_s, central, gate
        self.model = np.zeros(expected.coordinates, np.float32)
        self.history: list[dict] = []
        self._safe_grid: SafeGrid | None = None
        self._rounds_before = 0
        #: Called with the round and the number of nodes once a round has begun, and with None once one has ended.
        self.on_change: Callable[[int | None, int], None] = lambda server_round, nodes: None

    def begin(self, grid: Grid, model: np.ndarray, rounds: int, config: ConfigRecord, history: list[dict] | None = None) -> Result:
        """Run all rounds from `model`; afterwards `self.model` is the last one, also where no round counted.

        `history`: of the rounds that went before, where a run goes on; `rounds` counts those that are left, and their numbers follow.
        """
        if model.dtype != np.float32 or model.shape != (self.expected.coordinates,) or not np.isfinite(model).all():
            raise ValueError(f"The first model must be {self.expected.coordinates} finite float32 numbers.")
        self.model = model.copy()
        self.history = list(history or [])
        self._rounds_before = self.history[-1]["round"] if self.history else 0
        self._safe_grid = SafeGrid(grid, self.expected, self.poll_s)
        return self.start(self._safe_grid, ArrayRecord({MODEL: Array(self.model)}), rounds, self.round_timeout_s, config)

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        server_round += self._rounds_before
        config["server-round"] = server_round
        # Nobody can name an object of this round beforehand: under other children, announced by a node, it could not be sent.
        config["nonce"] = secrets.token_hex(16)
        record = RecordDict({self.arrayrecord_key: arrays, self.configrecord_key: config})
        asked = self._asked(self._online())
        # Before they are made: an older instruction is not answered from now on.
        self.on_change(server_round, len(asked))
        return self._construct_messages(record, asked, MessageType.TRAIN)

    def _online(self) -> list[int]:
        """Waits for as many nodes as a round needs. Counted and asked by one answer of the SuperLink: flwr's own way counts, asks again, and waits for
        as many as it counted, so that a node that goes away in between would hold up the run for ever."""
        assert self._safe_grid is not None
        while len(nodes := list(self._safe_grid.get_node_ids())) < self.min_available_nodes:
            self._safe_grid.pause()
        return nodes

    def _construct_messages(self, record: RecordDict, node_ids: list[int], message_type: str) -> list[Message]:
        """One instruction, hence at most one reply, a node. After the ttl the SuperLink neither delivers it nor takes the reply."""
        return [Message(record, dst_node_id=node, message_type=message_type, ttl=self.round_timeout_s) for node in self._asked(node_ids)]

    def _asked(self, node_ids: list[int]) -> list[int]:
        nodes = sorted(set(node_ids))
        if self.central is not None and len(nodes) > self.central.cohort:
            nodes = sorted(random.SystemRandom().sample(nodes, self.central.cohort))
        return nodes

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> tuple[ArrayRecord | None, MetricRecord | None]:
        assert self._safe_grid is not None
        accepted, dropped, seconds = self._safe_grid.accepted, self._safe_grid.dropped, self._safe_grid.seconds
        server_round += self._rounds_before
        is_counted = len(accepted) >= self._fewest()
        candidate, accuracy, is_kept = self.model, None, is_counted
        if is_counted:
            values = {node: update.values for node, update in accepted.items()}
            candidate = self._moved(values)
            if self.gate is not None and self.central is None:
                candidate, out = without_the_worst(values, self._moved, self.gate, self._fewest(), None if self.trim else self._moved_by)
                if out:
                    dropped = dropped | dict.fromkeys(out, LEFT_OUT)
                    accepted = {node: update for node, update in accepted.items() if node not in out}
                    log(WARNING, "Round %s counts without %s updates that would have made the model worse", server_round, len(out))
            is_kept = bool(np.isfinite(candidate).all())
            if is_kept and self.gate is not None:
                accuracy, is_kept = self.gate.judge(candidate)
        self.history.append({
            "round": server_round,
            "isCounted": is_counted,
            "isKept": is_kept,
            # Ids go beyond 2^53, where JSON readers lose digits.
            "accepted": {str(node): accepted[node].norm for node in sorted(accepted)},
            "dropped": {str(node): dropped[node] for node in sorted(dropped)},
            "seconds": max(seconds.values(), default=0.0),
            "deviceSeconds": sum(seconds.values()),
            "accuracy": accuracy,
        })
        log(INFO, "Round %s: %s accepted, %s dropped", server_round, len(accepted), len(dropped))
        if not is_counted:
            log(WARNING, "Round %s is skipped: %s updates, %s needed", server_round, len(accepted), self._fewest())
        elif not is_kept:
            log(WARNING, "Round %s is rolled back: its model is worse on the public notes (%s)", server_round, accuracy)
        self.model = candidate if is_kept else another_version(self.model)
        self.on_change(None, 0)
        metrics = {metric.name: float(np.mean([update.metrics[metric.name] for update in accepted.values()])) for metric in self.expected.metrics if accepted}
        return ArrayRecord({MODEL: Array(self.model)}), MetricRecord(metrics)

    def _fewest(self) -> int:
        """Updates that a round needs."""
        return self.min_replies + 2 * (self.trim or 0)

    def _moved(self, updates: dict[int, np.ndarray]) -> np.ndarray:
        """The model after these updates."""
        ordered = in_order(updates)
        if self.central is not None:
            mean = self.central.noisy_mean(ordered)
        else:
            usual = 1 if self.gate is None and len(ordered) >= FEWEST_TO_TRIM else 0
            mean = trimmed_mean(ordered, usual if self.trim is None else self.trim)
        return self._moved_by(mean)

    def _moved_by(self, mean: np.ndarray) -> np.ndarray:
        return (self.model.astype(np.float64) + self.server_rate * mean).astype(np.float32)
