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

# What trainers put weights into, and what they leave beside them.
WRAPPERS = ("state_dict", "model_state_dict", "module", "model")
NOT_WEIGHTS = re.compile(r"(optimizer|scheduler|training_args|rng_state|.*optim_states)")


def tensors_of(path):
    """Name -> tensor of a pickle; tables of tables become names with dots."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001, whatever torch says of a file, the file is to be named
        sys.exit(f"{path}: PyTorch cannot read it without running it: {str(error).splitlines()[0]}")
    if not isinstance(state, dict):
        sys.exit(f"{path}: expected a table of tensors, got {type(state).__name__}")
    for wrapper in WRAPPERS:
        if isinstance(state.get(wrapper), dict):
            state = state[wrapper]
            break
    found = {}

    def visit(table, prefix):
        for name, value in table.items():
            if isinstance(value, torch.Tensor):
                found[f"{prefix}{name}"] = value.detach()
            elif isinstance(value, dict):
                visit(value, f"{prefix}{name}.")

    visit(state, "")
    if not found:
        sys.exit(f"{path}: there is no tensor in it")
    return found


def main(folder):
    pickles = sorted(p for p in folder.iterdir() if re.search(r"\.(bin|pth|pt|ckpt)$", p.name))
    pickles = [p for p in pickles if not NOT_WEIGHTS.match(p.name)]
    if not pickles:
        sys.exit(f"{folder}: no pickled weights")
    several = len(pickles) > 1
    weight_map = {}
    for i, path in enumerate(pickles):
        tensors = tensors_of(path)
        twice = weight_map.keys() & tensors.keys()
        if twice:
            sys.exit(f"{path}: {min(twice)} is in {weight_map[min(twice)]} already; are these parts of one model?")
        name = f"model-{i + 1:05d}-of-{len(pickles):05d}.safetensors" if several else "model.safetensors"
        # Tensors that share memory are written out each: the format has no way to say that they are one.
        save_file({n: t.contiguous().clone() for n, t in tensors.items()}, folder / name, {"format": "pt"})
        weight_map |= dict.fromkeys(tensors, name)
        print(f"{path.name} -> {name}: {len(tensors)} tensors")
    if several:
        index = {"metadata": {}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
