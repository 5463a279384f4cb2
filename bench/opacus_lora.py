"""DP-SGD of LoRA by Opacus and PEFT, for `npm run bench -- recipes --crossover --method opacus-lora`.

Called with a model folder and a folder that holds run.json: the plan as the engine's own run has it, the rows as token ids, and the head to start from.
Writes logits.bin there, float32 [test rows, classes], and prints one JSON line. The model is the folder's int8 weights as floats. Before it trains, Opacus'
per-example gradients are held to the folder's golden batch: what PEFT and Opacus compute is what the engine computes, and only the training may differ.
Poisson sampling, clipping and noise by Opacus' own parts rather than `make_private`, which rounds the sampling rate to one over a whole number.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import torch
from opacus import GradSampleModule
from opacus.accountants import PRVAccountant
from opacus.accountants.utils import get_noise_multiplier
from opacus.data_loader import DPDataLoader
from opacus.optimizers import DPOptimizer
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset
from transformers import BertConfig, BertModel

# Of a step's rows, in order of length: padding is little, and memory too.
ROWS_AT_A_TIME = 32
# Sums of float32 in another order differ by some 5e-7.
TOLERANCE = 1e-5


class Classifier(torch.nn.Module):
    """Mean of the last layer's tokens, and a linear head."""

    def __init__(self, model_folder: Path, lora: dict, classes: int):
        super().__init__()
        shape = json.loads((model_folder / "config.json").read_text())
        # The engine has no dropout.
        config = BertConfig(**{**shape, "hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0})
        encoder = BertModel(config, add_pooling_layer=False)
        stored = load_file(model_folder / "model.safetensors")
        weights = {name: stored[name].float() * stored[f"{name}.scale"][:, None] if f"{name}.scale" in stored else stored[name] for name in stored if not name.endswith(".scale")}
        encoder.load_state_dict(weights)
        settings = LoraConfig(r=lora["rank"], lora_alpha=lora["alpha"], target_modules=lora["targets"], layers_to_transform=lora["layers"], lora_dropout=0)
        self.encoder = get_peft_model(encoder, settings)
        self.classifier = torch.nn.Linear(config.hidden_size, classes)

    def pooled(self, ids, mask):
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)

    def forward(self, ids, mask):
        return self.classifier(self.pooled(ids, mask))


def padded(rows):
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in rows])
    return ids, mask


def in_parts(places, rows):
    ordered = sorted(places, key=lambda place: len(rows[place]))
    return [ordered[at : at + ROWS_AT_A_TIME] for at in range(0, len(ordered), ROWS_AT_A_TIME)]


def trainable(model):
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def check_golden(model_folder: Path) -> None:
    """Holds pooled outputs, losses and per-example gradient norms by layer to the model's golden batch."""
    golden = load_file(model_folder / "golden.safetensors")
    layers = golden["pooled"].shape[1] - 1
    ids, offsets = golden["ids"].int().tolist(), golden["offsets"].int().tolist()
    batch = padded([ids[start:end] for start, end in zip(offsets, offsets[1:])])
    model = Classifier(model_folder, {"rank": 8, "alpha": 16, "targets": ["query", "value"], "layers": list(range(layers))}, 4)
    with torch.no_grad():
        # B starts at zero, so that this is the frozen encoder.
        outputs = model.pooled(*batch)
        for number, (name, parameter) in enumerate(trainable(model)):
            scale = 0.05 if "lora_A" in name else 0.02 if "lora_B" in name else 0.1
            places = torch.arange(parameter.numel(), dtype=torch.float64)
            parameter.copy_((torch.sin(places * 0.7310585786 + number * 1.618033988) * scale).reshape(parameter.shape))
    private = GradSampleModule(model, loss_reduction="sum")
    losses = cross_entropy(private(*batch), golden["labels"].long(), reduction="none")
    losses.sum().backward()
    squares = torch.zeros_like(golden["gradient_norms"])
    for name, parameter in trainable(model):
        group = int(name.split(".layer.")[1].split(".")[0]) if ".layer." in name else layers
        squares[:, group] += parameter.grad_sample.flatten(1).square().sum(1)
    with torch.no_grad():
        errors = {
            "outputs": (outputs - golden["pooled"][:, -1]).abs().max().item() / golden["pooled"][:, -1].abs().max().item(),
            "losses": (losses - golden["losses"]).abs().max().item(),
            "gradient norms": ((squares.sqrt() - golden["gradient_norms"]) / golden["gradient_norms"]).abs().max().item(),
        }
    for what, error in errors.items():
        print(f"  golden batch, {what}: off by {error:.1e}", file=sys.stderr, flush=True)
        if not error <= TOLERANCE:
            raise SystemExit(f"Expected {what} of PEFT and Opacus within {TOLERANCE} of the golden batch; found {error} off.")


def train(run: dict, model_folder: Path):
    torch.manual_seed(run["seed"])
    plan, rows = run["plan"], run["training"]
    labels = torch.tensor(run["labels"])
    model = Classifier(model_folder, plan["lora"], run["classes"])
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor(run["head"]).reshape(model.classifier.weight.shape))
        model.classifier.bias.zero_()
    model.train()
    sample_rate = min(1, plan["expectedBatchSize"] / len(rows))
    noise_multiplier = get_noise_multiplier(target_epsilon=plan["epsilon"], target_delta=plan["delta"], sample_rate=sample_rate, steps=plan["steps"], accountant="prv")
    private = GradSampleModule(model)
    parameters = [parameter for _, parameter in trainable(private)]
    optimizer = DPOptimizer(torch.optim.AdamW(parameters, lr=plan["learningRate"], weight_decay=0), noise_multiplier=noise_multiplier, max_grad_norm=plan["clipNorm"], expected_batch_size=sample_rate * len(rows))
    accountant = PRVAccountant()
    optimizer.attach_step_hook(accountant.get_optimizer_hook_fn(sample_rate=sample_rate))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / plan["steps"])
    loader = DPDataLoader(TensorDataset(torch.arange(len(rows))), sample_rate=sample_rate)
    step = 0
    while step < plan["steps"]:
        for (drawn,) in loader:
            # A draw of no row would not be a step here; where hundreds are expected there is none.
            parts = in_parts(drawn.tolist(), rows)
            loss = 0.0
            for number, part in enumerate(parts):
                optimizer.signal_skip_step(number < len(parts) - 1)
                optimizer.zero_grad()
                mean = cross_entropy(private(*padded([rows[place] for place in part])), labels[part])
                mean.backward()
                optimizer.step()
                loss += mean.item() * len(part) / len(drawn)
            schedule.step()
            step += 1
            if step % 10 == 0 or step == 1:
                print(f"  step {step}/{plan['steps']}: {len(drawn)} rows, loss {loss:.3f}", file=sys.stderr, flush=True)
            if step == plan["steps"]:
                break
    private.eval()
    logits = torch.zeros(len(run["test"]), run["classes"])
    with torch.no_grad():
        for part in in_parts(range(len(run["test"])), run["test"]):
            logits[part] = model(*padded([run["test"][place] for place in part]))
    return logits, noise_multiplier, accountant.get_epsilon(plan["delta"])


def main() -> None:
    warnings.simplefilter("ignore")
    model_folder, folder = Path(sys.argv[1]), Path(sys.argv[2])
    check_golden(model_folder)
    started = time.perf_counter()
    logits, noise_multiplier, spent = train(json.loads((folder / "run.json").read_text()), model_folder)
    (folder / "logits.bin").write_bytes(logits.numpy().tobytes())
    print(json.dumps({"noiseMultiplier": noise_multiplier, "epsilonSpent": spent, "seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main()
