"""Adds up the arrays that were taken off the wire, and compares with the model that the ServerApp wrote: bit for bit.

usage: reference.py FOLDER ROUNDS [FIRST RATE]; FOLDER holds model.npy, history.json and sent/<round>-<node id>.npy. FIRST is the first model's file, zeros without it.
"""

import json
import sys
from pathlib import Path

import numpy as np

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
history = json.loads((folder / "history.json").read_text())["rounds"]
released = np.load(folder / "model.npy", allow_pickle=False)
first, rate = (np.load(sys.argv[3], allow_pickle=False), float(sys.argv[4])) if len(sys.argv) > 3 else (np.zeros_like(released), 1.0)
model = first
for number in range(1, rounds + 1):
    nodes = sorted(int(node) for node in history[number - 1]["accepted"])
    updates = [np.load(folder / "sent" / f"{number}-{node}.npy", allow_pickle=False).astype(np.float64) for node in nodes]
    total = updates[0].copy()
    for update in updates[1:]:
        total = total + update
    model = (model.astype(np.float64) + rate * (total / len(updates))).astype(np.float32)
if released.dtype != np.float32 or not np.array_equal(released, model):
    sys.exit(f"The released model differs from the reference by up to {np.abs(released.astype(float) - model).max():.3g}.")
if np.array_equal(released, first):
    sys.exit("The released model is the first one: nothing was compared.")
print(f"{len(model)} numbers equal, norm {np.linalg.norm(released):.6g}")
