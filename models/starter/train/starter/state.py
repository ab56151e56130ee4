"""What a run needs to go on after it was stopped: weights, optimiser, counters. Written aside and renamed."""

import os
from pathlib import Path

import torch


def save_state(path, **parts):
    path = Path(path)
    temporary = path.with_suffix('.tmp')
    torch.save(parts, temporary)
    os.replace(temporary, path)


def load_state(path):
    return torch.load(path, weights_only=True)
