"""Converts pickled PyTorch weights to safetensors: python3 pickle-to-safetensors.py FOLDER

Writes a .safetensors file beside each .bin, .pth or .pt of FOLDER, and the index where there are several. Nothing of
the pickles is run (weights_only). Needs: pip install torch safetensors
"""
import json
import re
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

folder = Path(sys.argv[1])
pickles = sorted(p for p in folder.iterdir() if re.search(r"\.(bin|pth|pt|ckpt)$", p.name))
# Optimizer states and arguments of a training run lie beside the weights.
pickles = [p for p in pickles if not re.match(r"(optimizer|scheduler|training_args|rng_state)", p.name)]
if not pickles:
    sys.exit(f"{folder}: no pickled weights")
several = len(pickles) > 1
weight_map = {}
for i, path in enumerate(pickles):
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    tensors = {name: t for name, t in state.items() if isinstance(t, torch.Tensor)}
    name = f"model-{i + 1:05d}-of-{len(pickles):05d}.safetensors" if several else "model.safetensors"
    # Tensors that share memory are written out each.
    save_file({n: t.contiguous().clone() for n, t in tensors.items()}, folder / name, {"format": "pt"})
    weight_map |= dict.fromkeys(tensors, name)
    print(f"{path.name} -> {name}: {len(tensors)} tensors")
if several:
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
