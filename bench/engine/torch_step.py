"""The DP step of LoRA and head in native PyTorch, one thread: one line of JSON for every line read.

Called by `npm run bench -- engine` with a safetensors file of weights, inputs and parameters. Every trainable
tensor is expanded to one copy an example, so that autograd gives per-example gradients in batched products,
which are clipped and added up.
"""

import base64
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        values = np.frombuffer(data[start:end], dtype=np.float32).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors, header["__metadata__"]


tensors, metadata = read_safetensors(sys.argv[1])
settings = json.loads(metadata["settings"])
LAYERS, HEADS = settings["layers"], settings["heads"]
EPSILON, SCALING, CLIP = settings["epsilon"], settings["scaling"], settings["clipNorm"]
LABELS = torch.tensor(settings["labels"])
NAMES = settings["parameters"]
X = tensors["input"]
B, S, D = X.shape


def affine(x, name):
    return F.linear(x, tensors[name + ".weight"], tensors[name + ".bias"])


def norm(x, name):
    return F.layer_norm(x, (D,), tensors[name + ".weight"], tensors[name + ".bias"], EPSILON)


def split(x):
    return x.view(B, S, HEADS, D // HEADS).transpose(1, 2)


def losses(parameters):
    """Cross entropy of each example: [B]. Every parameter has the shape [B, ...]."""
    x = norm(X, "embeddings")
    for layer in range(LAYERS):
        at = f"layer.{layer}."
        q, k, v = (affine(x, at + part) for part in ("query", "key", "value"))
        own = f"encoder.layer.{layer}.attention.self."
        if own + "query.lora_A.weight" in parameters:
            lora = lambda part: torch.bmm(torch.bmm(x, parameters[own + part + ".lora_A.weight"].mT), parameters[own + part + ".lora_B.weight"].mT) * SCALING
            q, v = q + lora("query"), v + lora("value")
        context = F.scaled_dot_product_attention(split(q), split(k), split(v)).transpose(1, 2).reshape(B, S, D)
        x = norm(x + affine(context, at + "attentionOutput"), at + "attentionNorm")
        x = norm(x + affine(F.gelu(affine(x, at + "intermediate")), at + "output"), at + "outputNorm")
    logits = torch.bmm(parameters["classifier.weight"], x.mean(1).unsqueeze(2)).squeeze(2) + parameters["classifier.bias"]
    return F.cross_entropy(logits, LABELS, reduction="none")


def step():
    expanded = {name: tensors[name].expand(B, *tensors[name].shape).clone().requires_grad_() for name in NAMES}
    gradients = torch.autograd.grad(losses(expanded).sum(), [expanded[name] for name in NAMES])
    flat = torch.cat([gradient.reshape(B, -1) for gradient in gradients], 1)
    factors = (CLIP / flat.norm(dim=1)).clamp(max=1)
    return factors @ flat


print(json.dumps({"device": f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, one thread"}), flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    found = step()
    elapsed = (time.perf_counter() - start) * 1000
    answer = {"elapsedMs": elapsed}
    if line.strip() == "values":
        answer["values"] = base64.b64encode(found.numpy().tobytes()).decode()
    print(json.dumps(answer), flush=True)
