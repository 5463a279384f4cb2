"""What a run leaves behind: its models, its history, and where it stands, each a file that is whole at every moment."""

import hashlib
import io
import json
import os
import time
from pathlib import Path

import numpy as np

from .central_noise import CentralNoise
from .releases import Releases, Sign

#: The newest release once more, under a name that does not change.
MODEL = "model.npy"
HISTORY = "history.json"
STATUS = "status.json"
#: Since when an instruction must have been made to be answered, in Unix seconds; empty between rounds. The gate holds answers to it.
ANSWERABLE = "answerable.txt"
RUN = "run.txt"
#: In which a version differs: 64 bits that nobody foresees.
VERSION_NUMBERS = 64


class Superseded(Exception):
    """A later run writes here now."""


class Journal:
    """Files in a folder. The history names the model that belongs to it, so that the two are never taken for a pair when they are not.

    The last journal that was opened is the only one that writes: where a run was given up and another goes on, the first may still be
    waiting for the end of its round, and would then write over what the second has done.
    """

    def __init__(self, folder: Path, task_hash: str, run: str, *, sign: Sign | None = None, central: CentralNoise | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._task_hash, self._run, self._central = folder, task_hash, run, central
        self._model_hash = ""
        self._replace(RUN, run.encode())
        self._replace(ANSWERABLE, b"")
        self.releases = Releases(folder, task_hash, sign, self._replace)
        #: Score of the first model, where there are notes to score on.
        self.initial_accuracy: dict[str, int] | None = None

    def read(self) -> tuple[np.ndarray, list[dict]] | None:
        """Model and history of an earlier run of this task; None where there is none.

        A round that was cut off counts as skipped: its nodes have paid for it, and the replies are gone. The model goes on as another version.
        """
        try:
            kept = json.loads((self._folder / HISTORY).read_text())
        except FileNotFoundError:
            return None
        if kept.get("task") != self._task_hash:
            return None
        named = self._folder / model_name(str(kept.get("model")))
        # Begun anew, a federation whose model was lost would charge and number from nothing what it has shown already.
        if not named.exists() or hashlib.sha256(content := named.read_bytes()).hexdigest() != kept.get("model"):
            raise ValueError(f"{self._folder} holds a model that is not the one of its history, or none; move the folder away to begin anew.")
        model, rounds = np.load(io.BytesIO(content), allow_pickle=False), kept["rounds"]
        if kept["begun"] is not None:
            rounds = [*rounds, skipped_round(kept["begun"])]
            model = another_version(model)
        return model, rounds

    def write(self, state: str, model: np.ndarray, history: list[dict], server_round: int | None = None, nodes: int = 0) -> None:
        """`state`: waiting (for nodes), training (in `server_round`, asked of `nodes`) or finished."""
        if (self._folder / RUN).read_text() != self._run:
            raise Superseded(f"Another run goes on in {self._folder}.")
        # Before the model is let out, from which the ids of the next round's objects follow; the round's instructions are made after this.
        self._replace(ANSWERABLE, b"" if server_round is None else repr(time.time()).encode())
        file = io.BytesIO()
        np.save(file, model, allow_pickle=False)
        content = file.getvalue()
        model_hash = hashlib.sha256(content).hexdigest()
        if model_hash != self._model_hash:
            # Beside the last one, and named by its hash: a crash between two writes leaves a pair that fits.
            self._replace(model_name(model_hash), content)
        central = None if self._central is None else self._charged(history)
        self._replace(HISTORY, json.dumps({"task": self._task_hash, "model": model_hash, "begun": server_round, "central": central, "rounds": history}, indent=2).encode() + b"\n")
        # After the history, which has the charge: nothing of a round is shown before.
        self._release(content, history)
        status = {
            "state": state,
            "round": server_round,
            "nodes": nodes,
            "initialAccuracy": self.initial_accuracy,
            "centralEpsilon": None if central is None else central["epsilon"],
            # Counts alone: who was dropped, and why, is for the operator's history.
            "rounds": [entry | {"accepted": len(entry["accepted"]), "dropped": len(entry["dropped"])} for entry in history],
        }
        self._replace(STATUS, json.dumps(status).encode() + b"\n")
        if self._model_hash and model_hash != self._model_hash:
            (self._folder / model_name(self._model_hash)).unlink(missing_ok=True)
        self._model_hash = model_hash

    def _release(self, content: bytes, history: list[dict]) -> None:
        """Lets the model out where its round was kept, also one that a crash kept back; the model between two rounds is that of the last one kept."""
        newest = max((entry["round"] for entry in history if entry["isKept"]), default=0)
        if self.releases.all and self.releases.all[-1]["round"] >= newest:
            return
        self.releases.add(newest, content)
        self._replace(MODEL, content)

    def _charged(self, history: list[dict]) -> dict[str, float]:
        """Every round whose noisy sum was made, kept or not: its score was shown."""
        assert self._central is not None
        rounds = sum(entry["isCounted"] for entry in history)
        return {"noiseMultiplier": self._central.noise_multiplier, "delta": self._central.delta, "rounds": rounds, "epsilon": self._central.epsilon(rounds)}

    def _replace(self, name: str, content: bytes) -> None:
        new = self._folder / f".{name}.new"
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / name)


def model_name(model_hash: str) -> str:
    return f"model-{model_hash[:16]}.npy"


def skipped_round(server_round: int) -> dict:
    return {"round": server_round, "isCounted": False, "isKept": False, "accepted": {}, "dropped": {}, "seconds": 0.0, "deviceSeconds": 0.0, "accuracy": None}


def another_version(model: np.ndarray) -> np.ndarray:
    """One or two units in the last place up, by chance, in the first numbers: nodes train one version of a model once, and those that answered a
    round that changed nothing would decline the next. By chance, because what nodes could foretell they could announce to the SuperLink as
    something else, so that it could not be sent; always up, so that no version comes again."""
    changed = model.copy()
    first = np.nextafter(changed[:VERSION_NUMBERS], np.float32(np.inf))
    is_twice = np.frombuffer(os.urandom(len(first)), np.uint8) % 2 == 1
    changed[:VERSION_NUMBERS] = np.where(is_twice, np.nextafter(first, np.float32(np.inf)), first)
    return changed
