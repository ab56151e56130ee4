"""The mean of several points of one run, which is often better than each of them.

    python -m starter.soup <output.safetensors> <weights> <weights> ...
"""

import sys

from .checkpoint import load_weights, save_weights


def mean(checkpoints):
    """Tensors by name, averaged over checkpoints that all have the same."""
    first, *others = checkpoints
    for other in others:
        if other.keys() != first.keys():
            raise SystemExit(f'not the same tensors: {sorted(first.keys() ^ other.keys())[:5]}')
    return {name: sum((o[name] for o in others), tensor) / len(checkpoints) for name, tensor in first.items()}


if __name__ == '__main__':
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    output, *paths = sys.argv[1:]
    save_weights(mean([load_weights(path) for path in paths]), output)
