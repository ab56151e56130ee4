"""Widens and deepens a trained model so that it answers as before: what it knows is kept while it gets room for more.

    python -m starter.grow <config.json of the weights> <weights.safetensors> <grown.safetensors>

Grows to the shape that `config.py` says. A new channel copies an old one and its readers share their weight between the two
(Net2Net: T. Chen et al., 2016); new hidden units and new blocks begin by adding nothing, or next to it.
"""

import json
import re
import sys
from pathlib import Path

import torch

from .checkpoint import load_weights, save_weights
from .config import build_config
from .model import Starter

NEW_GAMMA = 0.02  # of a new ConvNeXt block: a fifth of a fresh one, so that it disturbs little


def sources(old, new):
    """For each of `new` channels the old one that it copies."""
    return torch.arange(new) % old


def spread(weight, axis, source, old):
    """Repeats the columns of a reader along `axis` and shares each original's weight, unevenly, among its copies."""
    weight = weight.index_select(axis, source)
    share = torch.rand(weight.shape) * 0.4 + 0.3
    original = torch.arange(len(source)) < old
    copied = torch.isin(torch.arange(len(source)), source[~original]) & original
    shape = [-1 if i == axis else 1 for i in range(weight.dim())]
    first = share.index_select(axis, torch.arange(old))
    share = torch.cat([first, 1 - first.index_select(axis, source[old:])], axis)
    touched = (copied | ~original).view(shape)
    return torch.where(touched, weight * share, weight)


def grow_tower(name, old, fresh, widths_old, widths_new):
    """One parameter of the ConvNeXt: `old` None where its block is new."""
    stage = re.match(r'stages\.(\d+)\.', name)
    number = int(stage[1]) if stage else 0 if name.startswith('stem') else len(widths_old) - 1
    if old is None:
        return torch.full_like(fresh, NEW_GAMMA) if name.endswith('gamma') else fresh
    before, after = widths_old[number], widths_new[number]
    if '.downsample.' in name:
        inner = sources(widths_old[number - 1], widths_new[number - 1])
        if '.downsample.0.' in name:
            return old[inner]
        old = old[sources(before, after)]
        return spread(old, 1, inner, widths_old[number - 1]) if old.dim() > 1 else old
    channels, hidden = sources(before, after), sources(4 * before, 4 * after)
    if '.fc1.' in name:
        old = old[hidden]
        return spread(old, 1, channels, before) if old.dim() > 1 else old
    if name.endswith('.fc2.weight'):
        return spread(old[channels], 1, hidden, 4 * before)
    return old[channels]


def grow(config_old, weights, config_new):
    """Weights of the old shape -> weights of the new one."""
    model, grown = Starter(config_new), {}
    tower_old, tower_new = config_old['vision_towers'][1], config_new['vision_towers'][1]
    for name, fresh in model.state_dict().items():
        old, prefix = weights.get(name), 'vision_towers.1.'
        if name.startswith(prefix):
            grown[name] = grow_tower(name[len(prefix):], old, fresh, tower_old['hidden_sizes'], tower_new['hidden_sizes'])
        elif name.endswith(('gate_proj.weight', 'up_proj.weight')):
            grown[name] = torch.cat([old, fresh[len(old):]])
        elif name.endswith('down_proj.weight'):
            grown[name] = torch.cat([old, torch.zeros_like(fresh[:, old.shape[1]:])], 1)
        else:
            grown[name] = old
        assert grown[name].shape == fresh.shape, name
    return grown


if __name__ == '__main__':
    torch.manual_seed(3)
    config = json.loads(Path(sys.argv[1]).read_text())
    save_weights(grow(config, load_weights(sys.argv[2]), build_config()), sys.argv[3], torch.float32)
