"""The server's arithmetic for `npm run bench -- federation`: SafeFedAvg itself where flwr is installed, its means alone where not.

Reads JSON lines from stdin, some with float32 numbers behind them: a beginning with the model, an update, the end of a round, which is answered
by a JSON line and the new model. An update that is not finite or longer than the bound is dropped, as ExpectedReply drops it.
"""

import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "federation-server"))

MIN_REPLIES = 2


class PlainMean:
    """What SafeFedAvg does with accepted updates, from the same functions."""

    name = "aggregate"

    def __init__(self, model: np.ndarray, bound: float, rate: float) -> None:
        self.model, self.rate = model, rate

    def round(self, number: int, accepted: dict[int, tuple[np.ndarray, float]]) -> None:
        mean = trimmed_mean(in_order({node: values for node, (values, _) in accepted.items()}), 0)
        self.model = (self.model.astype(np.float64) + self.rate * mean).astype(np.float32)


class Strategy:
    name = "SafeFedAvg"

    def __init__(self, model: np.ndarray, bound: float, rate: float) -> None:
        self._strategy = SafeFedAvg(ExpectedReply(len(model), bound), min_nodes=MIN_REPLIES, min_replies=MIN_REPLIES, server_rate=rate, round_timeout_s=1)
        self._strategy.model = model

    @property
    def model(self) -> np.ndarray:
        return self._strategy.model

    def round(self, number: int, accepted: dict[int, tuple[np.ndarray, float]]) -> None:
        updates = {node: Update(values, {}, norm) for node, (values, norm) in accepted.items()}
        self._strategy._safe_grid = SimpleNamespace(accepted=updates, dropped={}, seconds=dict.fromkeys(updates, 0.0))
        self._strategy.aggregate_train(number, [])


try:
    from bedside_federation.expected_reply import ExpectedReply, Update
    from bedside_federation.safe_fedavg import SafeFedAvg

    logging.getLogger("flwr").setLevel(logging.WARNING)
    Server = Strategy
except ModuleNotFoundError:
    Server = PlainMean
from bedside_federation.aggregate import in_order, trimmed_mean  # noqa: E402


def main() -> None:
    source, answers = sys.stdin.buffer, sys.stdout.buffer
    server, bound, accepted, dropped, rounds = None, 0.0, {}, 0, 0
    while line := source.readline():
        what = json.loads(line)
        values = np.frombuffer(source.read(4 * what.get("length", 0)), "<f4")
        if what["kind"] == "begin":
            bound, accepted, dropped, rounds = what["bound"], {}, 0, 0
            server = Server(values.copy(), bound, what["rate"])
        elif what["kind"] == "update":
            wide = values.astype(np.float64)
            norm = float(np.linalg.norm(wide))
            if np.isfinite(wide).all() and norm <= bound:
                accepted[what["node"]] = (wide, norm)
            else:
                dropped += 1
        else:
            rounds += 1
            if len(accepted) >= MIN_REPLIES:
                server.round(rounds, accepted)
            answers.write(json.dumps({"server": server.name, "accepted": len(accepted), "dropped": dropped}).encode() + b"\n")
            answers.write(server.model.astype("<f4").tobytes())
            answers.flush()
            accepted, dropped = {}, 0


main()
