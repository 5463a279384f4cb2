/** Python: models released with a head have a prefix before the encoder's names, and those converted from TensorFlow call weight and bias of a norm otherwise. */
const plainName = `def plain_name(name):
    name = name.removeprefix("bert.").removeprefix("distilbert.")
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
`;

/**
 * The `predict.py` of an exported folder: the same arithmetic as `predict.ts` in PyTorch.
 * Base weights are int8 with `<name>.scale` beside them; LoRA is merged into the projections before the model is built.
 */
export const predictScript = `"""python predict.py BASE_MODEL_FOLDER TEXT: label and confidence. Needs torch, transformers, tokenizers, safetensors.

BASE_MODEL_FOLDER is the base model named in README.md: its folder in models/ of Bedside, or the model's own release.
Confidences differ from those in Bedside, where a temperature corrects them: it stays with the owner of the notes.
"""
import json, pathlib, sys
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel

${plainName}
if len(sys.argv) != 3:
    sys.exit("Usage: " + __doc__)
here, base, text = pathlib.Path(__file__).parent, pathlib.Path(sys.argv[1]), sys.argv[2]
config = json.loads((here / "head_config.json").read_text(encoding="utf-8"))
raw = {plain_name(name): t for name, t in load_file(base / "model.safetensors").items()}
head = load_file(here / "head.safetensors")
weights = {name: t.float() * raw[name + ".scale"][:, None] if name + ".scale" in raw else t for name, t in raw.items() if not name.endswith(".scale")}
if (here / "adapter_config.json").exists():
    lora, adapter = json.loads((here / "adapter_config.json").read_text(encoding="utf-8")), load_file(here / "adapter_model.safetensors")
    for name in [n for n in adapter if n.endswith("lora_A.weight")]:
        a, b = adapter[name], adapter[name.replace("lora_A", "lora_B")]
        weights[name.removeprefix("base_model.model.").replace("lora_A.weight", "weight")] += lora["lora_alpha"] / lora["r"] * b @ a
if (here / "trained_layers.safetensors").exists():
    weights.update(load_file(here / "trained_layers.safetensors"))
bert = AutoModel.from_config(AutoConfig.from_pretrained(base)).eval()
missing = [name for name in bert.load_state_dict(weights, strict=False).missing_keys if not name.startswith("pooler.") and not name.endswith("_ids")]
if missing:
    sys.exit(f"model.safetensors of BASE_MODEL_FOLDER lacks {missing[0]} and {len(missing) - 1} more.")
tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(config["maximum_length"])
with torch.no_grad():
    hidden = bert(torch.tensor([tokenizer.encode(text).ids]), output_hidden_states=True).hidden_states
    x = [hidden[layer][0].mean(0) for layer in config["layers"]]
    if config["unit_length"]:
        x = [v / v.norm() * w ** 0.5 for v, w in zip(x, config["weights"])]
    x = torch.cat(x)
    if "mean" in head:
        x = (x - head["mean"]) / (x - head["mean"]).norm()
    probability, label = (head["weight"] @ x + head["bias"]).softmax(0).max(0)
print(json.dumps({"label": config["labels"][label], "confidence": probability.item()}))
`;

/**
 * The `merge.py` of an exported folder with whole layers: writes the encoder with them in it as a folder of its own, in float32, as Hugging Face transformers saves it.
 */
export const mergeScript = `"""python merge.py BASE_MODEL_FOLDER OUT_FOLDER: the whole encoder, trained layers in their places. Needs torch, safetensors.

OUT_FOLDER then loads with transformers' AutoModel and AutoTokenizer. The classifier is head.safetensors: a linear map of the mean of the last layer's outputs.
"""
import pathlib, shutil, sys
from safetensors.torch import load_file, save_file

${plainName}
if len(sys.argv) != 3:
    sys.exit("Usage: " + __doc__)
here, base, out = pathlib.Path(__file__).parent, pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
raw = {plain_name(name): t for name, t in load_file(base / "model.safetensors").items()}
weights = {name: t.float() * raw[name + ".scale"][:, None] if name + ".scale" in raw else t.float() for name, t in raw.items() if not name.endswith(".scale")}
weights.update(load_file(here / "trained_layers.safetensors"))
out.mkdir(parents=True, exist_ok=True)
save_file({name: t.contiguous() for name, t in weights.items()}, out / "model.safetensors", {"format": "pt"})
for name in ["config.json", "tokenizer.json", "tokenizer_config.json"]:
    shutil.copy(base / name, out / name)
for name in ["head_config.json", "head.safetensors"]:
    shutil.copy(here / name, out / name)
`;
