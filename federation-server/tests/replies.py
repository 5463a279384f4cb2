"""Replies as nodes make them, good and bad: objects by id, built here from the format alone."""

import hashlib
import io
import json
from dataclasses import dataclass, field

import numpy as np
from flwr.proto.message_pb2 import ObjectTree
from flwr.proto.recorddict_pb2 import MetricRecord


@dataclass
class Tree:
    """An object with the objects that it names."""

    id: str
    content: bytes
    children: list["Tree"] = field(default_factory=list)

    def contents(self) -> dict[str, bytes]:
        found = {self.id: self.content}
        for child in self.children:
            found |= child.contents()
        return found

    def proto(self) -> ObjectTree:
        return ObjectTree(object_id=self.id, children=[child.proto() for child in self.children])


def build(kind: str, children: list[Tree], body: bytes) -> Tree:
    ids = ",".join(dict.fromkeys(child.id for child in children))
    content = f"{kind} {ids} {len(body)}".encode() + b"\0" + body
    return Tree(hashlib.sha256(content).hexdigest(), content, children)


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def metric_record(numbers: dict[str, float | int]) -> bytes:
    record = MetricRecord()
    for key, value in numbers.items():
        item = record.items.add(key=key)
        if isinstance(value, float):
            item.value.double = value
        else:
            item.value.sint64 = value
    return record.SerializeToString()


def reply(
    values: np.ndarray,
    *,
    name: str = "delta",
    shape: list[int] | None = None,
    chunk: bytes | None = None,
    order: list[object] | None = None,
    array_body: bytes | None = None,
    record_body: bytes | None = None,
    extra_array: bool = False,
    metrics: dict[str, float | int] | None = None,
    metric_body: bytes | None = None,
    message_body: bytes = b"",
) -> Tree:
    """A whole reply; each keyword spoils one part of it."""
    piece = build("ArrayChunk", [], chunk if chunk is not None else npy(values.astype("<f4")))
    form = {"dtype": "float32", "shape": shape or list(values.shape), "stype": "numpy.ndarray", "arraychunk_ids": [0] if order is None else order}
    array = build("Array", [piece], array_body if array_body is not None else json.dumps(form).encode())
    named = {name: array.id} | ({"more": array.id} if extra_array else {})
    arrays = build("ArrayRecord", [array], record_body if record_body is not None else json.dumps(named).encode())
    numbers = build("MetricRecord", [], metric_body if metric_body is not None else metric_record({} if metrics is None else metrics))
    records = build("RecordDict", [arrays, numbers], json.dumps({"arrays": arrays.id, "metrics": numbers.id}).encode())
    return build("Message", [records], message_body)
