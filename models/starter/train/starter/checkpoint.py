"""Reads and writes the shipped form of the weights: safetensors under the checkpoint's own names."""

import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def save_weights(tensors, path, dtype=torch.float16):
    """Writes beside the target and renames, so that a reader never meets half a file."""
    path = Path(path)
    temporary = path.with_suffix('.tmp')
    save_file({name: t.detach().to(dtype).contiguous() for name, t in tensors.items()}, temporary, {'format': 'pt'})
    temporary.chmod(0o644)
    os.replace(temporary, path)


def load_weights(path):
    """Tensors by name, as float32."""
    return {name: tensor.float() for name, tensor in load_file(path).items()}
