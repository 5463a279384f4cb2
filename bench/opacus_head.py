"""A linear head by Opacus on the same frozen features, for `npm run bench -- private-accuracy`.

Reads FOLDER/<set>.json (counts, delta, parts: one over the sampling rate) and FOLDER/<set>.bin (float32 features and float32 label numbers, training
rows first); prints one JSON line for every set, epsilon and seed. Recipe, the better of two that were tried with Opacus: features of unit length and a
constant input of 0.3 in place of a bias, weights from zero, 100 steps at batch N / parts, clip norm 0.3, SGD with momentum 0.9 at the rate
0.02 B / (clip norm x noise multiplier), the weights of the last half averaged. Noise by Opacus' PRV accountant.
"""

import json
import sys
import warnings
from pathlib import Path

import torch
from opacus import PrivacyEngine
from opacus.accountants.utils import get_noise_multiplier
from torch.utils.data import DataLoader, TensorDataset

CLIP_NORM = 0.3
STEPS = 100
EPSILONS = (0.5, 1, 3, 8)


def read(folder: Path, name: str):
    facts = json.loads((folder / f"{name}.json").read_text())
    rows, width = facts["trainingRows"] + facts["testRows"], facts["width"]
    values = torch.frombuffer(bytearray((folder / f"{name}.bin").read_bytes()), dtype=torch.float32).reshape(rows, width + 1)
    features = torch.cat([torch.nn.functional.normalize(values[:, :width], dim=1), torch.full((rows, 1), 0.3)], dim=1)
    labels = values[:, width].long()
    split = facts["trainingRows"]
    return facts, (features[:split], labels[:split]), (features[split:], labels[split:])


def macro_f1(predicted, labels, classes: int) -> float:
    scores = []
    for label in range(classes):
        hits = ((predicted == label) & (labels == label)).sum().item()
        found, held = (predicted == label).sum().item(), (labels == label).sum().item()
        if found + held > 0:
            scores.append(2 * hits / (found + held))
    return sum(scores) / len(scores)


def train(facts, training, test, noise_multiplier: float, seed: int):
    torch.manual_seed(seed)
    features, labels = training
    batch = len(features) / facts["parts"]
    model = torch.nn.Linear(features.shape[1], facts["classes"], bias=False)
    torch.nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02 * batch / (CLIP_NORM * noise_multiplier), momentum=0.9)
    loader = DataLoader(TensorDataset(features, labels), batch_size=-(-len(features) // facts["parts"]))
    engine = PrivacyEngine(accountant="prv")
    model, optimizer, loader = engine.make_private(module=model, optimizer=optimizer, data_loader=loader, noise_multiplier=noise_multiplier, max_grad_norm=CLIP_NORM)
    step, kept, average = 0, 0, torch.zeros(facts["classes"], features.shape[1])
    while step < STEPS:
        for x, y in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            step += 1
            if step > STEPS / 2:
                average += next(model.parameters()).detach()
                kept += 1
            if step == STEPS:
                break
    x, y = test
    predicted = (x @ (average / kept).T).argmax(dim=1)
    return (predicted == y).float().mean().item(), macro_f1(predicted, y, facts["classes"]), engine.get_epsilon(facts["delta"])


def main() -> None:
    warnings.simplefilter("ignore")
    folder, seeds = Path(sys.argv[1]), int(sys.argv[2])
    for path in sorted(folder.glob("*.json")):
        facts, training, test = read(folder, path.stem)
        for epsilon in EPSILONS:
            noise_multiplier = get_noise_multiplier(target_epsilon=epsilon, target_delta=facts["delta"], sample_rate=1 / facts["parts"], steps=STEPS, accountant="prv")
            for seed in range(seeds):
                accuracy, f1, spent = train(facts, training, test, noise_multiplier, seed)
                line = {"set": path.stem, "epsilon": epsilon, "seed": seed, "accuracy": accuracy, "macroF1": f1, "noiseMultiplier": noise_multiplier, "epsilonSpent": spent}
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
