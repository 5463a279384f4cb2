"""The evaluation gate: models are scored on public notes, and one that is clearly worse is not let through."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .task import Head

#: Standard errors of a difference that a model may be worse by. One that is as good is further below once in 44 rounds.
MARGIN = 2.0
FEATURES = "evaluation-features.npy"
LABELS = "evaluation-labels.npy"
MAP = "evaluation-map.npy"


@dataclass(frozen=True)
class PublicNotes:
    """Notes that anybody may see, encoded by the base model: inputs [n, k + 1] as a head takes them, labels [n]."""

    inputs: np.ndarray
    labels: np.ndarray

    def hits(self, model: np.ndarray) -> np.ndarray:
        """Which notes a head [C * (k + 1)] labels right: [n] bool. The first of equal logits wins."""
        head = model.astype(np.float64).reshape(-1, self.inputs.shape[1])
        return (self.inputs @ head.T).argmax(axis=1) == self.labels


def prepare(features: np.ndarray, labels: np.ndarray, head: Head, projection: np.ndarray | None = None) -> PublicNotes:
    """As a node prepares its notes: centred by the public mean, brought back to unit length, mapped where the task does, the bias input last.

    Shapes: features [n, D], labels [n], projection [k, D].
    """
    if features.ndim != 2 or features.shape[1] != len(head.public_mean) or labels.shape != (len(features),) or len(features) == 0:
        raise ValueError(f"Public notes must be [n, {len(head.public_mean)}] with a label each, found {features.shape} and {labels.shape}.")
    if not np.isfinite(features).all() or not np.isin(labels, np.arange(head.classes)).all():
        raise ValueError("Public notes must be finite, and their labels those of the task.")
    centred = features.astype(np.float64) - np.asarray(head.public_mean)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 0)
    if (head.inputs, len(head.public_mean)) != ((len(head.public_mean),) * 2 if projection is None else projection.shape):
        raise ValueError(f"The task's map must be [{head.inputs}, {len(head.public_mean)}], found {None if projection is None else projection.shape}.")
    if projection is not None:
        unit = unit @ projection.astype(np.float64).T
    return PublicNotes(np.hstack([unit, np.full((len(unit), 1), head.bias_input)]), labels.astype(np.int64))


def read_notes(folder: Path, head: Head) -> PublicNotes:
    """What the command has written."""
    projection = np.load(folder / MAP, allow_pickle=False) if head.inputs != len(head.public_mean) else None
    return prepare(np.load(folder / FEATURES, allow_pickle=False), np.load(folder / LABELS, allow_pickle=False), head, projection)


def score(hits: np.ndarray) -> dict[str, int]:
    return {"correct": int(hits.sum()), "total": len(hits)}


def is_worse(hits: np.ndarray, than: np.ndarray, margin: float = MARGIN) -> bool:
    """Whether the difference is more than `margin` standard errors below zero. Both are about the same notes: only those on which they differ count."""
    lost, won = int((than & ~hits).sum()), int((hits & ~than).sum())
    worse = lost - won
    return worse > margin * math.sqrt(lost + won - worse**2 / len(hits))


class Gate:
    """Knows the best model that was kept; a little worse each round would otherwise pass for ever."""

    def __init__(self, notes: PublicNotes, kept: Iterable[np.ndarray]) -> None:
        self._notes = notes
        self._best = max((notes.hits(model) for model in kept), key=lambda hits: int(hits.sum()))

    def hits(self, model: np.ndarray) -> np.ndarray:
        return self._notes.hits(model)

    def passes(self, hits: np.ndarray) -> bool:
        """Whether a model with these hits would be kept."""
        return not is_worse(hits, self._best)

    def judge(self, model: np.ndarray) -> tuple[dict[str, int], bool]:
        """Score of a model, and whether it is kept."""
        hits = self.hits(model)
        is_kept = self.passes(hits)
        if is_kept and hits.sum() > self._best.sum():
            self._best = hits
        return score(hits), is_kept
