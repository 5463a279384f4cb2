"""Recipe R and its variants in PyTorch on features that `npm run bench -- recipes` wrote.

Reads FOLDER/<set>.json (counts, labels, mu by epsilon, views, variants) and the float32 files it names; prints one JSON line for every variant, epsilon and
seed. The same steps as the app's, in float32 and without its integer grid; every row is a unit here, also where a text stands twice.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch


def unit(rows: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(rows, dim=-1)


class Data:
    def __init__(self, folder: Path, name: str):
        self.facts = json.loads((folder / f"{name}.json").read_text())
        self.labels = torch.tensor(self.facts["labels"])
        self.split, self.classes, self.width = self.facts["trainingRows"], self.facts["classes"], self.facts["width"]
        read = lambda file: torch.from_numpy(np.fromfile(folder / file, dtype=np.float32))
        self.views = {view["name"]: (view["layers"], read(view["file"]).reshape(len(self.labels), len(view["layers"]), self.width)) for view in self.facts["views"]}
        self.sentences = read(self.facts["sentences"]).reshape(self.classes, self.width)

    def features(self, view: str, layers: list[int], weights: list[float]) -> torch.Tensor:
        have, pooled = self.views[view]
        return torch.cat([unit(pooled[:, have.index(layer)]) * math.sqrt(weight) for layer, weight in zip(layers, weights)], dim=1)


def label_start(data: Data, length: int, scale: float) -> torch.Tensor:
    vectors = unit(data.sentences)
    start = torch.zeros(data.classes, length)
    start[:, : data.width] = scale * unit(vectors - vectors.mean(dim=0))
    return start


def noisy_mean(rows: torch.Tensor, deviation: float, generator: torch.Generator) -> torch.Tensor:
    noise = deviation * torch.randn(rows.shape[1], generator=generator)
    mean = (rows.sum(dim=0) + noise) / len(rows)
    spread = rows.shape[1] * (deviation / len(rows)) ** 2
    return mean * max(0.0, 1 - spread / float(mean @ mean))


def nu_of(data: Data, variant: dict, mu: float) -> float:
    nu = variant["plan"]["maximumNu"]
    return min(nu, 0.35 * math.sqrt(data.split * mu / data.classes)) if variant["isNuAdaptive"] else nu


def way_of(data: Data, variant: dict, epsilon: str) -> str:
    """Variants of the same way to the weights share it: they differ in what is averaged or taken off afterwards."""
    plan = {key: value for key, value in variant["plan"].items() if key not in ("averageLast", "maximumNu")}
    return json.dumps([epsilon, plan, variant["view"], nu_of(data, variant, data.facts["mu"][epsilon]), variant["histogramShare"]])


def iterates(data: Data, variant: dict, epsilon: str, seed: int) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
    """Inputs of the test rows, the weights after each of the last half of the steps, and noise for the class counts."""
    generator = torch.Generator().manual_seed(1000 * seed + 1)
    plan, mu, rows = variant["plan"], data.facts["mu"][epsilon], data.split
    x = data.features(variant["view"], plan["featureLayers"], plan["featureWeights"])
    if plan["meanShare"] > 0:
        mean = noisy_mean(x[:rows], 1 / (math.sqrt(plan["meanShare"]) * mu), generator)
        x = unit(x - mean)
    x = torch.cat([x, torch.full((len(x), 1), plan["biasInput"])], dim=1)
    steps, clip = plan["steps"], plan["clipNorm"]
    steps_mu = math.sqrt(1 - plan["meanShare"] - variant["histogramShare"]) * mu
    step_size = nu_of(data, variant, mu) * steps_mu / (clip * steps)
    noise = math.sqrt(steps) / steps_mu * clip
    weights = label_start(data, x.shape[1], plan["labelScale"] / math.sqrt(plan["featureWeights"][0]))
    inputs, labels = x[:rows], data.labels[:rows]
    lengths, places, kept = inputs.norm(dim=1), torch.arange(rows), []
    for step in range(steps):
        residuals = torch.softmax(inputs @ weights.T, dim=1)
        residuals[places, labels] -= 1
        residuals *= (clip / (residuals.norm(dim=1) * lengths)).clamp(max=1)[:, None]
        weights = weights - step_size * (residuals.T @ inputs + noise * torch.randn(weights.shape, generator=generator))
        if step >= steps // 2:
            kept.append(weights)
    return x[rows:], kept, torch.randn(data.classes, generator=generator)


def predict(data: Data, variant: dict, epsilon: str, way: tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    inputs, kept, noise = way
    last = max(1, int(variant["plan"]["averageLast"] * variant["plan"]["steps"]))
    logits = inputs @ torch.stack(kept[-last:]).mean(dim=0).T
    if variant["histogramShare"] > 0:
        deviation = 1 / (math.sqrt(variant["histogramShare"]) * data.facts["mu"][epsilon])
        counts = torch.bincount(data.labels[: data.split], minlength=data.classes) + deviation * noise
        prior = counts.clamp(min=max(1.0, deviation))
        logits = logits - variant["strength"] * torch.log(prior / prior.sum())
    return logits.argmax(dim=1)


def scores(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> dict:
    every, held = [], []
    for label in range(classes):
        hits = int(((predicted == label) & (labels == label)).sum())
        found, there = int((predicted == label).sum()), int((labels == label).sum())
        if found + there > 0:
            every.append(2 * hits / (found + there))
        if there > 0:
            held.append(2 * hits / (found + there))
    worst = sorted(held)[: math.ceil(len(held) / 10)]
    return {"accuracy": float((predicted == labels).float().mean()), "macroF1": sum(every) / len(every), "worstTenth": sum(worst) / len(worst)}


def main() -> None:
    folder, seeds = Path(sys.argv[1]), int(sys.argv[2])
    for path in sorted(folder.glob("*.json"), reverse=True):
        data = Data(folder, path.stem)
        ways: dict[str, list[tuple[dict, str]]] = {}
        for variant in data.facts["variants"]:
            for epsilon in data.facts["mu"]:
                ways.setdefault(way_of(data, variant, epsilon), []).append((variant, epsilon))
        for shared in ways.values():
            for seed in range(seeds):
                way = iterates(data, *shared[0], seed)
                for variant, epsilon in shared:
                    found = scores(predict(data, variant, epsilon, way), data.labels[data.split :], data.classes)
                    print(json.dumps({"set": path.stem, "variant": variant["name"], "epsilon": float(epsilon), "seed": seed, **found}), flush=True)


if __name__ == "__main__":
    main()
