"""Adds up the arrays that were taken off the wire, and compares with the model that the ServerApp wrote: bit for bit.

usage: reference.py FOLDER ROUNDS; FOLDER holds model.npy, history.json and sent/<round>-<node id>.npy.
"""

import json
import sys
from pathlib import Path

import numpy as np

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
history = json.loads((folder / "history.json").read_text())["rounds"]
released = np.load(folder / "model.npy", allow_pickle=False)
model = np.zeros_like(released)
for number in range(1, rounds + 1):
    nodes = sorted(int(node) for node in history[number - 1]["accepted"])
    updates = [np.load(folder / "sent" / f"{number}-{node}.npy", allow_pickle=False).astype(np.float64) for node in nodes]
    total = updates[0].copy()
    for update in updates[1:]:
        total = total + update
    model = (model.astype(np.float64) + total / len(updates)).astype(np.float32)
if released.dtype != np.float32 or not np.array_equal(released, model):
    sys.exit(f"The released model differs from the reference by up to {np.abs(released.astype(float) - model).max():.3g}.")
print(f"{len(model)} numbers equal, norm {np.linalg.norm(released):.6g}")
