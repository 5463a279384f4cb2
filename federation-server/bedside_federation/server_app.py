"""The ServerApp: rounds of SafeFedAvg over one task, its model and its history written as files after each."""

import os
import threading
import time
from pathlib import Path

import numpy as np
from flwr.app import ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp

from .central_noise import CentralNoise
from .evaluation import Gate, read_notes, score
from .expected_reply import ExpectedReply
from .journal import Journal
from .releases import signer
from .safe_fedavg import SafeFedAvg
from .task import Task, read_task

app = ServerApp()


def instructions(task: Task) -> ConfigRecord:
    """The terms as nodes agreed to them; a node holds them to its own copy."""
    return ConfigRecord({
        "task": task.file_hash,
        "base-model": task.base_model,
        "rounds": task.rounds,
        "clip-norm": task.clip_norm,
        "noise-multiplier": task.noise_multiplier,
        "norm-bound": task.update_norm_bound,
    })


def first_model(path: str, coordinates: int) -> np.ndarray:
    return np.load(path, allow_pickle=False) if path else np.zeros(coordinates, np.float32)


def end_with(owner_pid: int) -> None:
    """End this process when the one that owns the run has ended: flwr detaches a ServerApp, which would wait for its SuperLink for ever."""
    # Signal 0 asks whether a process is there; on Windows it would end it.
    if owner_pid <= 0 or os.name == "nt":
        return

    def watch() -> None:
        while True:
            try:
                os.kill(owner_pid, 0)
            except ProcessLookupError:
                os._exit(0)
            time.sleep(1.0)

    threading.Thread(target=watch, daemon=True).start()


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    task = read_task(Path(str(config["task"])))
    end_with(int(config["owner-pid"]))
    terms = task.central
    central = None if terms is None else CentralNoise(terms.noise_multiplier, terms.cohort, task.update_norm_bound, terms.delta)
    key = str(config["release-key"])
    journal = Journal(Path(str(config["out"])), task.file_hash, str(context.run_id), sign=signer(Path(key)) if key else None, central=central)
    kept = journal.read() if config["resume"] else None
    if kept is None:
        journal.releases.forget()
    model, history = kept if kept is not None else (first_model(str(config["initial"]), task.coordinates), [])
    gate = None
    if config["evaluation"]:
        if task.head is None:
            raise ValueError("Public notes can score a head alone, and the task has none.")
        notes = read_notes(Path(str(config["evaluation"])), task.head)
        released = journal.releases.models() or [model]
        journal.initial_accuracy = score(notes.hits(released[0]))
        gate = Gate(notes, released)
    strategy = SafeFedAvg(
        ExpectedReply(task.coordinates, task.update_norm_bound),
        min_nodes=int(config["min-nodes"]),
        min_replies=int(config["min-replies"]),
        trim=None if int(config["trim"]) < 0 else int(config["trim"]),
        server_rate=float(config["server-rate"]),
        round_timeout_s=float(config["timeout-s"]),
        poll_s=float(config["poll-s"]),
        central=central,
        gate=gate,
    )
    strategy.on_change = lambda server_round, nodes: journal.write("waiting" if server_round is None else "training", strategy.model, strategy.history, server_round, nodes)
    journal.write("waiting", model, history)
    strategy.begin(grid, model, task.rounds - (history[-1]["round"] if history else 0), instructions(task), history)
    journal.write("finished", strategy.model, strategy.history)
