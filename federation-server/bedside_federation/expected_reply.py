"""What a reply must look like, byte by byte, before any number in it counts.

flwr's own reader is not used on a reply: it raises on malformed bytes in the middle of the run, and builds whatever the bytes describe.
Objects are `<type> <children> <length>`, a zero byte, a body; the SuperLink has checked each against its SHA-256.
"""

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from flwr.proto.recorddict_pb2 import MetricRecord
from google.protobuf.message import DecodeError

CHUNK_BYTES = 5_242_880
SMALL_JSON_BYTES = 4096
METRIC_BYTES = 4096
#: Heads, names and metrics beside the numbers.
ENVELOPE_BYTES = 8192
#: Message, RecordDict, ArrayRecord, MetricRecord, Array; the chunks come on top.
OBJECTS_BESIDE_CHUNKS = 5


class BadReply(Exception):
    """A reply that is dropped; the text says why and quotes nothing of it."""


def require(condition: bool, why: str) -> None:
    if not condition:
        raise BadReply(why)


@dataclass(frozen=True)
class Metric:
    """A number that a node may send beside its update: missing, it drops the reply; beyond its range, it is clamped."""

    name: str
    lowest: float
    highest: float


@dataclass(frozen=True)
class Update:
    """One accepted update, float64, shape [coordinates]."""

    values: np.ndarray
    metrics: dict[str, float]
    norm: float


class ExpectedReply:
    """One float32 vector of one length under one name, of bounded norm, and numbers from a list."""

    def __init__(self, coordinates: int, norm_bound: float, name: str = "delta", metrics: tuple[Metric, ...] = ()) -> None:
        if not norm_bound > 0:
            raise ValueError(f"The norm bound must be above 0, found {norm_bound}.")
        self.coordinates, self.norm_bound, self.name, self.metrics = coordinates, norm_bound, name, metrics
        file = io.BytesIO()
        np.save(file, np.zeros(coordinates, "<f4"), allow_pickle=False)
        self.npy_bytes = file.tell()
        self.npy_head = file.getvalue()[: self.npy_bytes - 4 * coordinates]
        self.max_objects = OBJECTS_BESIDE_CHUNKS + -(-self.npy_bytes // CHUNK_BYTES)
        self.max_bytes = self.npy_bytes + ENVELOPE_BYTES

    def read(self, root: str, contents: Mapping[str, bytes]) -> Update:
        """The update under the Message object `root`. Raises BadReply for every kind of badness, and nothing else."""
        require(len(contents) <= self.max_objects, "too many objects")
        require(sum(map(len, contents.values())) <= self.max_bytes, "too many bytes")
        try:
            return self._read(root, contents)
        except BadReply:
            raise
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError, DecodeError) as error:
            raise BadReply(f"malformed ({type(error).__name__})") from error

    def _read(self, root: str, contents: Mapping[str, bytes]) -> Update:
        children, _ = split_object(contents[root], "Message")
        require(len(children) == 1, "a message without one record")
        children, body = split_object(contents[children[0]], "RecordDict")
        records = small_json(body)
        require(set(records) == {"arrays", "metrics"} and set(records.values()) == set(children), "other records")
        values = self._array(records["arrays"], contents)
        require(bool(np.isfinite(values).all()), "a number that is not finite")
        norm = float(np.linalg.norm(values))
        require(norm <= self.norm_bound, f"norm {norm:.4g} above {self.norm_bound:.4g}")
        return Update(values, self._numbers(records["metrics"], contents), norm)

    def _array(self, record: str, contents: Mapping[str, bytes]) -> np.ndarray:
        children, body = split_object(contents[record], "ArrayRecord")
        arrays = small_json(body)
        require(set(arrays) == {self.name} and children == [arrays[self.name]], "other arrays")
        children, body = split_object(contents[children[0]], "Array")
        form = small_json(body)
        require(form["dtype"] == "float32" and form["shape"] == [self.coordinates] and form["stype"] == "numpy.ndarray", "another kind of array")
        order = form["arraychunk_ids"]
        require(isinstance(order, list) and 0 < len(order) <= self.max_objects, "another number of chunks")
        require(all(type(index) is int and 0 <= index < len(children) for index in order), "a chunk that is not there")
        chunks = [split_object(contents[children[index]], "ArrayChunk")[1] for index in order]
        # Before anything is joined: one chunk named a thousand times is small here and huge when joined.
        require(sum(map(len, chunks)) == self.npy_bytes, "another length")
        content = b"".join(chunks)
        # Compared, not parsed: nothing in the head can ask for memory.
        require(content.startswith(self.npy_head), "another .npy head")
        return np.frombuffer(content, "<f4", offset=len(self.npy_head)).astype(np.float64)

    def _numbers(self, record: str, contents: Mapping[str, bytes]) -> dict[str, float]:
        children, body = split_object(contents[record], "MetricRecord")
        require(not children and len(body) <= METRIC_BYTES, "metrics of another size")
        sent = {item.key: item.value.double for item in MetricRecord.FromString(body).items if item.value.WhichOneof("value") == "double"}
        for metric in self.metrics:
            require(math.isfinite(sent.get(metric.name, math.nan)), "a metric missing or not finite")
        # Everything else that was sent is forgotten, num-examples above all: a node has one vote.
        return {metric.name: min(max(sent[metric.name], metric.lowest), metric.highest) for metric in self.metrics}


def split_object(content: bytes, kind: str) -> tuple[list[str], bytes]:
    """Children and body of an object of the kind that is expected here."""
    head, zero, body = content.partition(b"\0")
    name, children, _ = head.decode("ascii").split(" ")
    require(zero == b"\0" and name == kind, f"no {kind}")
    return children.split(",") if children else [], body


def small_json(body: bytes) -> dict:
    require(len(body) <= SMALL_JSON_BYTES, "JSON too long")
    value = json.loads(body)
    require(isinstance(value, dict), "JSON that is no object")
    return value
